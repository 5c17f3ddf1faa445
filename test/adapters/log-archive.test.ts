/** The logs bucket over REST: pages, cursors, limits; streams that are pinned and bounded. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCloudflareClient } from "../../src/adapters/cloudflare-client.ts";
import { createPace } from "../../src/adapters/logs/pace.ts";
import { createLogArchive } from "../../src/adapters/logs/r2-archive.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import type { LogWindow } from "../../src/domain/logs/batch-name.ts";
import type { LogArchive, LogObject } from "../../src/ports/logs.ts";
import { HANG_MS } from "../support/patience.ts";
import {
  drip,
  endless,
  failure,
  hang,
  json,
  type Reply,
  reset,
  startServer,
  success,
  type TestServer,
  text,
  truncated,
} from "./server.ts";

const TOKEN = "cfut_0123456789abcdef0123456789abcdef01234567";
const signal = new AbortController().signal;
let server: TestServer;
let waits: number[] = [];
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

function archive(bucket: string | null = "logs"): LogArchive {
  waits = [];
  const token = new Secret(TOKEN, "test");
  return createLogArchive({
    client: createCloudflareClient({ apiBaseUrl: server.url, token, version: "test" }),
    accountId: "acc",
    bucket,
    prefix: "b2a/",
    clock: {
      monotonic: () => 0,
      sleep: async (ms) => {
        waits.push(ms);
      },
    },
    random: () => 0,
  });
}

const object = (key: string) => ({
  key,
  size: 5,
  etag: '"e"',
  last_modified: "2026-05-01T00:00:00Z",
});
const page = (keys: string[], cursor = ""): Reply =>
  success(keys.map(object), { result_info: { cursor, is_truncated: cursor !== "" } });

async function listed(window: LogWindow | null = null, of = archive()): Promise<LogObject[]> {
  const found: LogObject[] = [];
  for await (const one of of.list(window, { signal })) found.push(one);
  return found;
}

const queries = (): Record<string, string>[] =>
  server.seen.map(({ url }) => Object.fromEntries(new URL(url, "http://x").searchParams));

describe("a listing", () => {
  test("follows the cursor, also past an empty page", async () => {
    server.reply(page(["b2a/1"], "c1"), page([], "c2"), page(["b2a/2"]));
    const found = await listed();
    expect(found.map(({ key }) => key)).toEqual(["b2a/1", "b2a/2"]);
    expect(found[0]).toMatchObject({ etag: "e", size: 5, lastModifiedMs: 1_777_593_600_000 });
    expect(queries()).toEqual([
      { per_page: "1000", prefix: "b2a/" },
      { per_page: "1000", prefix: "b2a/", cursor: "c1" },
      { per_page: "1000", prefix: "b2a/", cursor: "c2" },
    ]);
  });

  test("asks for smaller pages when large ones are refused", async () => {
    server.reply(failure(400, 10_019, "per_page"), page(["b2a/1"], "c1"), page(["b2a/2"]));
    expect(await listed()).toHaveLength(2);
    expect(queries().map(({ per_page }) => per_page)).toEqual(["1000", "100", "100"]);
  });

  describe("of a window", () => {
    const at = (time: string): number => Date.parse(`2026-05-0${time}Z`);
    const window = { sinceMs: at("2T00:00:00"), untilMs: at("2T00:10:00") };
    const name = (day: number, from: string) =>
      `2026050${day}T${from}Z_2026050${day}T${from}Z_ab.log.gz`;
    const folders = (names: string[], keys: string[] = [], cursor = ""): Reply =>
      success(keys.map(object), {
        result_info: { cursor, is_truncated: cursor !== "", delimited: names },
      });
    const keysOf = async (): Promise<string[]> => (await listed(window)).map(({ key }) => key);
    const asked = (): string[] =>
      queries().map(({ prefix = "", start_after: after = "" }) => `${prefix}>${after}`);

    test("lists the days that it needs, and no others", async () => {
      const days = ["20260401", "20260430", "20260501", "20260502", "20260503", "attic"];
      const wanted = [`b2a/20260501/${name(1, "235900")}`, `b2a/20260502/${name(2, "000000")}`];
      server.reply(
        folders(days.map((day) => `b2a/${day}/`)),
        folders([], [`b2a/20260501/${name(1, "225500")}`, wanted[0] ?? ""]),
        folders([], [wanted[1] ?? "", `b2a/20260502/${name(2, "004000")}`]),
      );
      expect(await keysOf()).toEqual(wanted);
      expect(asked()).toEqual(["b2a/>", "b2a/20260501/>", "b2a/20260502/>"]);
    });

    test("passes over the batches before and after it, and finds the folders among them", async () => {
      const wanted = [`b2a/${name(2, "000000")}`, `b2a/20260502/${name(2, "000100")}`];
      server.reply((res, seen) => {
        const query = new URL(seen.url, "http://x").searchParams;
        const [prefix, after] = [query.get("prefix"), query.get("start_after")];
        if (prefix === "b2a/20260502/") return folders([], [wanted[1] ?? ""])(res, seen);
        if (prefix !== "b2a/") return folders([])(res, seen);
        const [first, batches] = [
          "b2a/20260501T225500",
          [wanted[0] ?? "", `b2a/${name(9, "000000")}`],
        ];
        if (after === null) return folders([], [`b2a/${name(1, "000000")}`], "never")(res, seen);
        return (after === first ? folders([], batches, "never") : folders([]))(res, seen);
      });
      expect(await keysOf()).toEqual(wanted);
      expect(asked().slice(0, 3)).toEqual(["b2a/>", "b2a/>b2a/20260501T225500", "b2a/>b2a/20:"]);
      expect(queries().some(({ cursor }) => cursor !== undefined)).toBe(false);
    });

    test("looks into folders without a date only when there is nothing else", async () => {
      const wanted = `b2a/workers/20260502/${name(2, "000000")}`;
      server.reply(
        folders(["b2a/20250101/", "b2a/workers/"]),
        folders(["b2a/workers/20260502/"]),
        folders([], [wanted]),
      );
      expect(await keysOf()).toEqual([wanted]);
    });

    test("gives up where it would have to look through the whole bucket", async () => {
      let n = 0;
      server.reply((res, seen) => {
        n += 1;
        return folders([`b2a/x${n}/`, `b2a/y${n}/`])(res, seen);
      });
      await expect(listed(window)).rejects.toThrow("--prefix");
      expect(server.seen).toHaveLength(201);
    });

    test("is found where the API tells no folders", async () => {
      const wanted = `b2a/2026-05-02/${name(2, "000000")}`;
      server.reply((res, seen) => {
        const query = new URL(seen.url, "http://x").searchParams;
        if (query.get("delimiter") !== null) return page([])(res, seen);
        const old = [`b2a/2026-04-01/${name(1, "000000")}`];
        if (query.get("prefix") !== "b2a/") return page([wanted])(res, seen);
        return (query.get("start_after") === null ? page(old, "never") : page([wanted]))(res, seen);
      });
      expect(await keysOf()).toEqual([wanted]);
    });
  });

  test("of many pages keeps within the API's budget", async () => {
    const pages = Array.from({ length: 304 }, (_, n) => page([`b2a/${n}`], `c${n}`));
    server.reply(...pages, page([]));
    await listed();
    // The clock stands still here, so each wait is longer than the one before.
    expect(waits).toHaveLength(305 - 300);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  });

  test("ends when the cursor stands still", async () => {
    server.reply(page(["b2a/1"], "same"));
    await expect(listed()).rejects.toThrow("same page");
  });

  test("waits as told by a 429, then goes on", async () => {
    server.reply(failure(429, 971, "slow down", { "retry-after": "7" }), page(["b2a/1"]));
    expect(await listed()).toHaveLength(1);
    expect(waits).toEqual([7_000]);
  });

  test.each<[string, Reply[], string, string]>([
    ["no bucket", [failure(404, 10_006, "no such bucket")], "not-found", "HTTP 404"],
    ["no permission", [failure(403, 10_000, "no")], "forbidden", "HTTP 403"],
    ["not R2's answer", [success({ objects: [] })], "unavailable", "not that of R2"],
    ["a sign-in page", [text(200, "<html>")], "unavailable", "not that of R2"],
  ])("%s", async (_, replies, kind, message) => {
    server.reply(...replies);
    await expect(listed()).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(message),
    });
  });

  test("without a bucket says what is missing", async () => {
    await expect(listed(null, archive(null))).rejects.toMatchObject({ kind: "not-found" });
  });
});

describe("an object", () => {
  const bytes = Buffer.from("0123456789");
  const whole: Reply = (res) => {
    res.writeHead(200, { etag: '"abc"', "content-length": bytes.byteLength });
    res.end(bytes);
  };
  const read = async (key: string, rest?: { fromByte: number; etag: string }) => {
    const of = archive();
    const content = await of.read(key, { signal, ...(rest === undefined ? {} : { rest }) });
    const chunks: Uint8Array[] = [];
    for await (const chunk of content.chunks) chunks.push(chunk);
    return { ...content, text: Buffer.concat(chunks).toString("latin1") };
  };

  test("comes as it is stored, with its etag and size", async () => {
    server.reply((res) => {
      // Stored with this header: fetch would unpack it, and no hash would fit.
      res.writeHead(200, { "content-encoding": "gzip", etag: 'W/"abc"', "content-length": 4 });
      res.end(Buffer.from([0x1f, 0x8b, 1, 2]));
    });
    const content = await read("b2a/x.gz");
    expect(content).toMatchObject({ etag: "abc", size: 4, fromByte: 0 });
    expect(content.text).toBe("\u001f\u008b\u0001\u0002");
    expect(server.seen[0]?.headers).toMatchObject({
      "accept-encoding": "identity",
      authorization: `Bearer ${TOKEN}`,
    });
  });

  test.each([
    ["b2a/a b?#%&+.log", "b2a%2Fa%20b%3F%23%25%26%2B.log"],
    ["b2a/../../x", "b2a%2F..%2F..%2Fx"],
    ["http://evil.example/", "http%3A%2F%2Fevil.example%2F"],
    ["\r\nx: y", "%0D%0Ax%3A%20y"],
    ["@evil.example", "%40evil.example"],
  ])("%j is one part of the path, of the API's host", async (key, encoded) => {
    server.reply(whole);
    await read(key);
    expect(server.seen.map(({ url }) => url)).toEqual([
      `/accounts/acc/r2/buckets/logs/objects/${encoded}`,
    ]);
  });

  test.each([".", "..", "b2a/\ud800"])("%j cannot be asked for", async (key) => {
    server.reply(whole);
    await expect(read(key)).rejects.toMatchObject({ kind: "rejected" });
    expect(server.seen).toEqual([]);
  });

  test("goes on from a byte, if it is still the same", async () => {
    server.reply((res) => {
      res.writeHead(206, { "content-range": "bytes 4-9/10", etag: '"abc"' });
      res.end(bytes.subarray(4));
    });
    const content = await read("k", { fromByte: 4, etag: "abc" });
    expect(content).toMatchObject({ fromByte: 4, size: 10, text: "456789" });
    expect(server.seen[0]?.headers).toMatchObject({ range: "bytes=4-", "if-match": '"abc"' });
  });

  test("from its beginning where the API knows no ranges", async () => {
    server.reply(whole);
    expect(await read("k", { fromByte: 4, etag: "abc" })).toMatchObject({
      fromByte: 0,
      text: "0123456789",
    });
  });

  test("of another part than asked for is refused", async () => {
    server.reply((res) => {
      res.writeHead(206, { "content-range": "bytes 5-9/10" });
      res.end(bytes.subarray(5));
    });
    await expect(read("k", { fromByte: 4, etag: "abc" })).rejects.toMatchObject({
      kind: "rejected",
    });
  });

  test("elsewhere is not followed: the token stays with its host", async () => {
    const other = await startServer();
    other.reply(whole);
    server.reply(json(302, {}, { location: `${other.url}/x` }));
    await expect(read("k")).rejects.toMatchObject({ kind: "rejected", status: 302 });
    expect(other.seen).toEqual([]);
    await other.close();
  });

  test("an error keeps the API's words, not the token", async () => {
    server.reply(failure(400, 1, `bad header: Bearer ${TOKEN}`));
    await expect(read("k")).rejects.toMatchObject({ message: expect.not.stringContaining(TOKEN) });
  });
});

describe("a stream", () => {
  const of = (idleMs = HANG_MS, apiBaseUrl = `${server.url}/base/`) =>
    createCloudflareClient({
      apiBaseUrl,
      token: new Secret(TOKEN, "test"),
      version: "test",
      idleMs,
    }).rawGet;
  const all = async (idleMs?: number): Promise<string> => {
    const { chunks } = await of(idleMs)({ path: "/k", signal });
    const hash = createHash("md5");
    for await (const chunk of chunks) hash.update(chunk);
    return hash.digest("hex");
  };

  test.each<[string, Reply, string]>([
    ["that never begins", hang, "the answer broke off"],
    ["that stops", drip, "the answer broke off"],
    ["that is cut", truncated, "closed before the answer was complete"],
    ["that is reset", reset, "reset"],
  ])("%s ends in words", async (_, reply, words) => {
    server.reply(reply);
    const idleMs = words === "the answer broke off" ? 200 : HANG_MS;
    await expect(all(idleMs)).rejects.toMatchObject({ words: expect.stringContaining(words) });
  });

  test("to nobody was not sent", async () => {
    const nobody = of(HANG_MS, "http://127.0.0.1:1");
    await expect(nobody({ path: "/k", signal })).rejects.toMatchObject({ phase: "before-sending" });
  });

  test("that is left closes its connection", async () => {
    const closed = Promise.withResolvers<void>();
    server.reply((res, seen) => {
      res.on("close", () => closed.resolve());
      endless(res, seen);
    });
    const { chunks } = await of()({ path: "/k", signal });
    for await (const chunk of chunks) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
    await closed.promise;
    expect(server.seen[0]?.url).toBe("/base/k");
  });

  test("ends with its signal", async () => {
    server.reply(endless);
    const stop = new AbortController();
    const { chunks } = await of()({ path: "/k", signal: stop.signal });
    const reading = (async () => {
      for await (const _ of chunks) stop.abort();
    })();
    await expect(reading).rejects.toMatchObject({ words: "cancelled while receiving" });
  });
});

test("the pace keeps any five minutes within what leaves room for a stop", async () => {
  let nowMs = 0;
  const sent: number[] = [];
  const clock = {
    monotonic: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
  const pace = createPace(clock);
  for (let n = 0; n < 5_000; n += 1) {
    await pace.turn(signal);
    sent.push(nowMs);
  }
  const inFiveMinutesFrom = (from: number): number =>
    sent.filter((at) => at >= from && at < from + 300_000).length;
  expect(Math.max(...sent.filter((_, n) => n % 50 === 0).map(inFiveMinutesFrom))).toBeLessThan(
    1_000,
  );
  expect(nowMs).toBeLessThan((5_000 / 2.3) * 1000);
});
