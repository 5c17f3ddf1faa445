/** Logpush in the sandbox: what the Worker logs is in the bucket, as Logpush would have put it there. */
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { batchRange } from "../../src/domain/logs/batch-name.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import {
  type LogpushRecord,
  MAX_MESSAGE_CHARS,
  recordOf,
  TRUNCATED,
} from "../../src/sandbox/logs/logpush-record.ts";
import { type Trace, tracesOf } from "../../src/sandbox/logs/trace.ts";
import { PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";

let sandbox: Sandbox;

beforeAll(async () => {
  await ensureBundle();
  sandbox = await startSandbox({
    lagMs: { min: 0, max: 0 },
    locations: ["FRA"],
    percent: 100,
    rateLimits: false,
  });
});
afterAll(() => sandbox.close());
afterEach(async () => {
  vi.restoreAllMocks();
  await sandbox.control.heal();
  await sandbox.control.logs.flush();
  await sandbox.control.logs.clear();
});

async function api(path: string, init: RequestInit = {}): Promise<Response> {
  const { apiBaseUrl, accountId, apiToken } = sandbox.description;
  const headers = { authorization: `Bearer ${apiToken}`, ...init.headers };
  return fetch(`${apiBaseUrl}/accounts/${accountId}${path}`, { ...init, headers });
}

async function recordsIn(key: string): Promise<LogpushRecord[]> {
  const path = `/r2/buckets/${sandbox.description.logsBucket}/objects/${encodeURIComponent(key)}`;
  const bytes = Buffer.from(await (await api(path)).arrayBuffer());
  const lines = gunzipSync(bytes).toString("utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as LogpushRecord);
}

/** Where the record of the request to that address lies; the beacon's entrypoint leaves records, too. */
async function placeOf(path: string): Promise<{ key: string; record: LogpushRecord } | undefined> {
  for (const key of await sandbox.control.logs.keys()) {
    const record = (await recordsIn(key)).find(({ Event }) => JSON.stringify(Event).includes(path));
    if (record !== undefined) return { key, record };
  }
  return undefined;
}

/** Until it is in the bucket; the runtime tells of a request when all its work is done. */
async function delivered(path: string): Promise<{ key: string; record: LogpushRecord }> {
  return vi.waitFor(async () => {
    await sandbox.control.logs.flush();
    const place = await placeOf(path);
    if (place === undefined) throw new Error(`no record of ${path}`);
    return place;
  }, PATIENCE);
}

const edge = (path: string, init: RequestInit = {}) =>
  fetch(`${sandbox.description.edgeUrl}${path}`, {
    ...init,
    headers: { ...init.headers, cookie: `a=b; ${sandbox.description.session}` },
  });

describe("Logpush files", () => {
  test("hold the Worker's lines in Logpush's shape, under Logpush's names", async () => {
    const beforeMs = Date.now();
    sandbox.control.setNative({ errorShare: 1, message: "no intent" });
    const answer = await edge("/api/jobs?secret=hush");
    expect(answer.status).toBe(200);
    await answer.text();
    const { key, record } = await delivered("/api/jobs?secret=hush");
    expect(key).toMatch(/^b2a\/\d{8}\/\d{8}T\d{6}Z_\d{8}T\d{6}Z_[0-9a-f]{8}\.log\.gz$/);
    const range = batchRange(key);
    expect(range?.fromMs).toBeGreaterThan(beforeMs - 2_000);
    expect(range?.toMs).toBeLessThan(Date.now() + 2_000);
    expect(record).toMatchObject({
      EventType: "fetch",
      Outcome: "ok",
      ScriptName: "pix-sandbox",
      ScriptVersion: { ID: sandbox.control.account.worker.deployed?.id },
      Exceptions: [],
      Event: { Request: { Method: "GET" }, Response: { Status: answer.status } },
    });
    expect(record.EventTimestampMs).toBeGreaterThanOrEqual(beforeMs);
    expect(String(record.Event.RayID)).toMatch(/^[0-9a-f]{16}$/);
    expect(record.Logs).toHaveLength(1);
    const line = JSON.parse(record.Logs[0]?.Message[0] ?? "") as Record<string, unknown>;
    expect(line).toMatchObject({ level: "ERROR", cohort: "native" });
    expect(line.error_msg).toContain("no intent");
    expect(line.rayID).toBe(record.Event.RayID);
  });

  test("come late and out of order when told so", async () => {
    const { logs } = sandbox.control;
    logs.set({ batchMs: 20, delayMs: { min: 600_000, max: 600_000 } });
    const told = vi.spyOn(logs.tails, "publish");
    await (await edge("/api/jobs?nth=first")).text();
    await vi.waitFor(() => {
      expect(JSON.stringify(told.mock.calls)).toContain("/api/jobs?nth=first");
      expect(logs.state.gathering).toBe(0);
    }, PATIENCE);
    expect(await logs.keys()).toEqual([]);
    // The second file is faster than the first.
    logs.set({ delayMs: { min: 0, max: 0 } });
    await (await edge("/api/jobs?nth=second")).text();
    const second = await vi.waitFor(async () => {
      const place = await placeOf("/api/jobs?nth=second");
      if (place === undefined) throw new Error("not there yet");
      return place;
    }, PATIENCE);
    expect(await placeOf("/api/jobs?nth=first")).toBeUndefined();
    expect(logs.state.onTheirWay).toBeGreaterThanOrEqual(1);
    const first = await delivered("/api/jobs?nth=first");
    expect(batchRange(first.key)?.fromMs).toBeLessThanOrEqual(batchRange(second.key)?.fromMs ?? 0);
  });

  test("a batch of any range lies under the day of its beginning", async () => {
    const fromMs = Date.parse("2026-04-30T23:59:40Z");
    const key = await sandbox.control.logs.addBatch({ fromMs, toMs: fromMs + 45_000 }, [
      { EventTimestampMs: fromMs },
    ]);
    expect(key).toMatch(/^b2a\/20260430\/20260430T235940Z_20260501T000025Z_/);
    expect(await recordsIn(key)).toEqual([{ EventTimestampMs: fromMs }]);
  });

  test("any object can be put over the control API", async () => {
    const { controlUrl } = sandbox.description;
    const body = JSON.stringify({ put: [{ key: "../../etc/passwd", text: "root" }], flush: true });
    const answer = await fetch(`${controlUrl}/logs`, { method: "PUT", body });
    expect(answer.status).toBe(200);
    expect(await sandbox.control.logs.keys()).toContain("../../etc/passwd");
  });
});

describe("one record", () => {
  const OF = { name: "pix-sandbox", versionId: "sandbox" };
  const trace = (logs: unknown[], exceptions: unknown[] = []): Trace => {
    const json = [{ outcome: "exception", exceptions, logs, eventTimestamp: 5, event: null }];
    const [found] = tracesOf(json, OF);
    if (found === undefined) throw new Error("no trace");
    return found;
  };

  test("is cut at 16,384 characters, and says so", () => {
    const long = "x".repeat(MAX_MESSAGE_CHARS);
    const exceptions = [{ name: "Error", message: "boom", timestamp: 6 }];
    const logs = [
      { message: [long], level: "log", timestamp: 7 },
      { message: ["never"], level: "log", timestamp: 8 },
    ];
    const record = recordOf(trace(logs, exceptions));
    expect(record.Exceptions).toEqual([{ Name: "Error", Message: "boom", TimestampMs: 6 }]);
    expect(record.Logs).toHaveLength(1);
    const kept = record.Logs[0]?.Message[0] ?? "";
    expect(kept).toHaveLength(
      MAX_MESSAGE_CHARS - "Error".length - "boom".length + TRUNCATED.length,
    );
    expect(kept.endsWith(TRUNCATED)).toBe(true);
    expect(recordOf(trace([logs[0]])).Logs[0]?.Message[0]).toBe(long);
  });

  test("hides credentials in headers, and keeps no query but the URL's own", () => {
    const request = {
      url: "https://pix.immo/api/jobs",
      method: "GET",
      headers: { authorization: "Bearer abc", cookie: "s=1", accept: "*/*" },
    };
    const json = [
      { outcome: "ok", exceptions: [], logs: [], eventTimestamp: 5, event: { request } },
    ];
    const [found] = tracesOf(json, OF);
    expect(found?.event?.request?.headers).toEqual({
      authorization: "REDACTED",
      cookie: "REDACTED",
      accept: "*/*",
    });
  });
});

describe("live tails", () => {
  const TAILS = "/workers/scripts/pix-sandbox/tails";
  type Made = { result: { id: string; url: string; expires_at: string } };
  const make = async (filters: unknown[] = []): Promise<Made["result"]> => {
    const init = { method: "POST", body: JSON.stringify({ filters }) };
    const answer = await api(TAILS, init);
    expect(answer.status).toBe(200);
    return ((await answer.json()) as Made).result;
  };

  async function open(
    url: string,
  ): Promise<{ messages: Record<string, unknown>[]; ws: WebSocket }> {
    const ws = new WebSocket(url, "trace-v1");
    const messages: Record<string, unknown>[] = [];
    ws.on("message", (data) => messages.push(JSON.parse(data.toString())));
    await new Promise((resolve, reject) => {
      ws.once("open", resolve);
      ws.once("error", reject);
    });
    return { messages, ws };
  }

  /** The event of the request to that address; the beacon's entrypoint makes events of its own. */
  const untilSeen = (messages: Record<string, unknown>[], path: string) =>
    vi.waitFor(() => {
      const message = messages.find(({ event }) => JSON.stringify(event).includes(path));
      if (message === undefined) throw new Error(`no event of ${path}`);
      return message;
    }, PATIENCE);

  afterEach(() => sandbox.control.logs.tails.expire());

  test("stream trace events, filtered", async () => {
    const { messages } = await open((await make()).url);
    const posts = await open((await make([{ method: ["POST"] }])).url);
    await (await edge("/api/jobs?nth=get")).text();
    await (await edge("/api/jobs?nth=post", { method: "POST" })).text();
    expect(await untilSeen(messages, "/api/jobs?nth=get")).toMatchObject({
      outcome: "ok",
      scriptName: "pix-sandbox",
      event: { request: { method: "GET", cf: { colo: "FRA" } }, response: { status: 200 } },
    });
    await untilSeen(posts.messages, "/api/jobs?nth=post");
    await untilSeen(messages, "/api/jobs?nth=post");
    for (const message of posts.messages) {
      expect(message).toMatchObject({ event: { request: { method: "POST" } } });
    }
  });

  test("need the protocol and a tail that lives", async () => {
    const { id, url } = await make();
    await expect(open(`${url}x`)).rejects.toThrow("404");
    const bare = new WebSocket(url);
    await expect(
      new Promise((_, reject) => {
        bare.once("error", reject);
      }),
    ).rejects.toThrow("400");
    const { ws } = await open(url);
    const closed = new Promise((resolve) => ws.once("close", resolve));
    expect((await api(`${TAILS}/${id}`, { method: "DELETE" })).status).toBe(200);
    await closed;
    expect((await api(`${TAILS}/${id}`, { method: "DELETE" })).status).toBe(404);
  });

  test("are ten at the most", async () => {
    for (let n = 0; n < 10; n += 1) await make();
    expect((await api(TAILS, { method: "POST" })).status).toBe(400);
    expect((await api("/workers/scripts/other/tails", { method: "POST" })).status).toBe(404);
  });

  test("say when they leave events out", async () => {
    sandbox.control.logs.set({ tail: { eventsPerS: 0 } });
    const { messages } = await open((await make()).url);
    await (await edge("/api/jobs")).text();
    await vi.waitFor(() => expect(messages).toHaveLength(1), PATIENCE);
    expect(messages[0]).toMatchObject({ event: { type: "overload" }, logs: [], exceptions: [] });
    sandbox.control.logs.set({ tail: { eventsPerS: 1_000 } });
    await (await edge("/api/jobs?nth=next")).text();
    await untilSeen(messages, "/api/jobs?nth=next");
    expect(messages[1]).toMatchObject({ event: { type: "overload-stop" } });
  });
});
