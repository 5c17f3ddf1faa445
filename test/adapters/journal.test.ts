import { chmod, mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createJournal, createLocalJournal } from "../../src/adapters/journal.ts";
import { defaultStateDir, formerFolder, stateFolder } from "../../src/adapters/state-folder.ts";
import { type JournalEntry, journalKey } from "../../src/domain/state/journal.ts";
import type { Journal } from "../../src/ports/api.ts";
import { journalEntry } from "../support/journal-entries.ts";
import { HANG_MS } from "../support/patience.ts";
import { kvReply, placeAt, TOKEN } from "./kv.ts";
import { failure, hang, startServer, type TestServer } from "./server.ts";

let server: TestServer;
let stateDir: string;
let kv: Map<string, string>;
beforeEach(async () => {
  server = await startServer();
  stateDir = await mkdtemp(join(tmpdir(), "pixcanary-journal-"));
  kv = new Map();
  server.reply(kvReply(kv));
});
afterEach(async () => {
  await server.close();
  await rm(stateDir, { recursive: true, force: true });
});

const never = { signal: new AbortController().signal };
const NOW = Date.parse("2026-11-22T12:00:00Z");
const clock = {
  now: () => NOW,
  monotonic: () => performance.now(),
  uptime: () => performance.now(),
  timeout: (ms: number) => AbortSignal.timeout(ms),
  sleep: async () => undefined,
};

/** Short limits end what hangs; anything else would meet them on a slow machine. */
const SHORT = { callMs: 300, remoteMs: 600 };

function journal(env = "prod", limits = { callMs: HANG_MS, remoteMs: HANG_MS }) {
  return createJournal({ ...placeAt(server), env, stateDir, clock, limits });
}
const placeOf = (env = "prod") => ({ ...placeAt(server), stateDir, env });
const fileOf = () => join(stateFolder(placeOf()), "journal.ndjson");

function entry(at: string, id: string, command = "not-aus"): JournalEntry {
  return journalEntry({ at, id, command, reason: "5xx", revision: id, namespace: "b".repeat(32) });
}
const put = (one: JournalEntry): void => void kv.set(journalKey(one), JSON.stringify(one));
const E1 = entry("2026-11-22T10:00:00Z", "01A");
const E2 = entry("2026-11-22T11:00:00Z", "01B");

/** As a command does: into KV, and into the file beside it. */
const append = async (to: Journal, ...given: Parameters<Journal["append"]>): Promise<string[]> =>
  (await Promise.all([to.append(...given), to.appendHere(given[0])])).flat();

describe("append", () => {
  test("writes the entry to KV for 400 days and as one line of a private file", async () => {
    expect(await append(journal(), E1, never)).toEqual([]);
    expect(await append(journal(), E2, never)).toEqual([]);
    expect([...kv.keys()]).toEqual([
      "journal/2026-11-22T10:00:00Z-01A",
      "journal/2026-11-22T11:00:00Z-01B",
    ]);
    expect(server.seen[0]?.url).toMatch(/\?expiration_ttl=34560000$/);
    const lines = (await readFile(fileOf(), "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([E1, E2]);
    expect((await stat(fileOf())).mode & 0o777).toBe(0o600);
    expect((await stat(stateFolder(placeOf()))).mode & 0o777).toBe(0o700);
  });

  test("no id leaves the folder, and no two share one", () => {
    const ids = ["a".repeat(32), "A".repeat(32), "../../evil", "..", "", "a/b", "a_b", "ä"];
    const folders = ids.map((accountId) => stateFolder({ ...placeOf(), accountId }));
    expect(new Set(folders).size).toBe(ids.length);
    for (const folder of folders)
      expect(folder.split("/").length).toBe(stateDir.split("/").length + 2);
    for (const folder of folders) expect(folder).not.toContain("..");
  });

  test("a line that a crash left half-written does not swallow the next", async () => {
    await mkdir(stateFolder(placeOf()), { recursive: true });
    await writeFile(fileOf(), '{"schema":1,"id":"half');
    await append(journal(), E1, never);
    kv.clear();
    const { entries, warnings } = await journal().recent(10, never);
    expect(entries).toEqual([E1]);
    expect(warnings).toEqual(["journal: skipped 1 unreadable entries"]);
  });

  test("with a full disk the entry is in KV, and the warning says why", async () => {
    const any = await open("/dev/null");
    const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
    const write = vi.spyOn(Object.getPrototypeOf(any), "write").mockRejectedValue(full);
    try {
      const warnings = await append(journal(), E1, never);
      expect(warnings).toEqual([`journal ${fileOf()}: the disk is full`]);
      expect(kv.size).toBe(1);
    } finally {
      write.mockRestore();
      await any.close();
    }
  });

  test("with an unusable folder the entry is in KV, and the warning says why", async () => {
    await writeFile(join(stateDir, placeOf().accountId), "not a folder");
    const [warning] = await append(journal(), E1, never);
    expect(warning).toContain("not a folder");
    expect(kv.size).toBe(1);
  });

  test.skipIf(process.getuid?.() === 0)("with a read-only folder it warns", async () => {
    await chmod(stateDir, 0o500);
    expect(await append(journal(), E1, never)).toEqual([`journal ${fileOf()}: permission denied`]);
    expect(kv.size).toBe(1);
    await chmod(stateDir, 0o700);
  });

  test.skipIf(process.platform !== "linux")(
    "where no folder can be made (whoever asks) it warns",
    async () => {
      const place = placeAt(server);
      const warnings = await append(
        createJournal({ ...place, env: "prod", stateDir: "/proc/x" }),
        E1,
        never,
      );
      expect(warnings).toEqual([
        expect.stringMatching(/^journal \/proc\/x\/.*: the folder cannot be made$/),
      ]);
      expect(kv.size).toBe(1);
    },
  );

  test("without KV the file has it: refused, hanging, unreachable and aborted", async () => {
    server.reply(failure(403, 10000, `no, ${TOKEN}`));
    const [refused] = await append(journal(), E1, never);
    expect(refused).toMatch(/^journal in KV: .*HTTP 403/);
    expect(refused).not.toContain(TOKEN);
    server.reply(hang);
    expect(await append(journal("prod", SHORT), E1, never)).toHaveLength(1);
    await server.close();
    expect(await append(journal(), E1, never)).toHaveLength(1);
    expect(await append(journal(), E1, { signal: AbortSignal.abort() })).toHaveLength(1);
    expect((await readFile(fileOf(), "utf8")).trimEnd().split("\n")).toHaveLength(4);
  });

  test("a passing failure of KV is repeated once, under the same key", async () => {
    server.reply(failure(503, 1, "x"), kvReply(kv));
    expect(await append(journal(), E1, never)).toEqual([]);
    expect(server.seen.map((seen) => seen.url)).toEqual(Array(2).fill(server.seen[0]?.url));
  });
});

describe("recent", () => {
  test("merges both by id, KV wins, in order of time, the newest last", async () => {
    put({ ...E2, reason: "from KV" });
    put(E1);
    await mkdir(stateFolder(placeOf()), { recursive: true });
    const local = entry("2026-11-22T10:30:00Z", "01L");
    await writeFile(fileOf(), `${JSON.stringify(E2)}\n\n${JSON.stringify(local)}\n`);
    const { entries, warnings } = await journal().recent(10, never);
    expect(entries.map((one) => one.id)).toEqual(["01A", "01L", "01B"]);
    expect(entries[2]?.reason).toBe("from KV");
    expect(warnings).toEqual([]);
    expect((await journal().recent(2, never)).entries.map((one) => one.id)).toEqual(["01L", "01B"]);
    expect((await journal().recent(0, never)).entries).toEqual([]);
  });

  test("a journal of one page costs one listing and one bulk read", async () => {
    put(E1);
    await journal().recent(10, never);
    expect(server.seen.map((seen) => seen.method)).toEqual(["GET", "POST"]);
  });

  test("a long journal is read month by month backwards, at most 100 values a call", async () => {
    for (let n = 0; n < 130; n += 1) {
      const day = String(1 + (n % 28)).padStart(2, "0");
      put(entry(`2026-${n < 5 ? "08" : n < 60 ? "10" : "11"}-${day}T00:00:00Z`, `id${n}`));
    }
    server.reply(kvReply(kv, 40));
    const { entries } = await journal().recent(120, never);
    expect(entries).toHaveLength(120);
    expect(entries.at(-1)?.at.slice(0, 10)).toBe("2026-11-28");
    expect(
      entries.every((one, i) => i === 0 || journalKey(entries[i - 1] ?? one) <= journalKey(one)),
    ).toBe(true);
    const listed = server.seen
      .filter((seen) => seen.method === "GET")
      .map((seen) => new URL(seen.url, "http://x").searchParams.get("prefix"));
    expect([...new Set(listed)]).toEqual(["journal/", "journal/2026-11", "journal/2026-10"]);
    const asked = server.seen.filter((seen) => seen.method === "POST");
    expect(asked.map((seen) => JSON.parse(seen.body).keys.length)).toEqual([100, 20]);
  });

  test("goes no further back than entries live, across the turn of the year", async () => {
    for (let n = 0; n < 3; n += 1) put(entry(`2020-01-0${n + 1}T00:00:00Z`, `old${n}`));
    server.reply(kvReply(kv, 1));
    expect((await journal().recent(5, never)).entries).toEqual([]);
    const prefixes = server.seen.map((seen) =>
      new URL(seen.url, "http://x").searchParams.get("prefix"),
    );
    expect(prefixes.slice(0, 3)).toEqual(["journal/", "journal/2026-11", "journal/2026-10"]);
    expect(prefixes.at(-1)).toBe("journal/2025-09");
    expect(prefixes).toHaveLength(16);
  });

  test("corrupt entries are skipped with one warning", async () => {
    put(E1);
    kv.set("journal/2026-11-22T10:00:01Z-x", "not json");
    kv.set("journal/2026-11-22T10:00:02Z-y", '{"schema":2}');
    const { entries, warnings } = await journal().recent(10, never);
    expect(entries).toEqual([E1]);
    expect(warnings).toEqual(["journal: skipped 2 unreadable entries"]);
  });

  test("of a huge file only the last mebibyte is read, without the line cut in two", async () => {
    await mkdir(stateFolder(placeOf()), { recursive: true });
    const lines = Array.from({ length: 5_000 }, (_, n) =>
      JSON.stringify(entry("2026-01-01T00:00:00Z", `id${n}`)),
    );
    await writeFile(fileOf(), `${lines.join("\n")}\n`);
    const { entries, warnings } = await journal().recent(10_000, never);
    expect(entries.length).toBe(Math.floor((1024 * 1024) / ((lines.at(-1) ?? "").length + 1)));
    expect(entries.some((one) => one.id === "id4999")).toBe(true);
    expect(warnings).toEqual([]);
  });

  test("without KV the file still answers, with a warning; never throws", async () => {
    await append(journal(), E1, never);
    for (const reply of [failure(500, 1, "x"), hang]) {
      server.reply(reply);
      const limits = reply === hang ? SHORT : undefined;
      const { entries, warnings } = await journal("prod", limits).recent(10, never);
      expect(entries).toEqual([E1]);
      expect(warnings).toHaveLength(1);
    }
    await rm(stateDir, { recursive: true });
    await writeFile(stateDir, "");
    expect((await journal("prod", SHORT).recent(10, never)).warnings).toHaveLength(2);
  });
});

describe("two accounts that both have an environment of this name", () => {
  const other = () => ({
    ...placeOf(),
    accountId: "f".repeat(32),
    namespaceId: "e".repeat(32),
    clock,
  });

  test("each have a journal of their own", async () => {
    await append(journal(), E1, never);
    kv.clear();
    expect((await createJournal(other()).recent(10, never)).entries).toEqual([]);
    expect((await journal().recent(10, never)).entries).toEqual([E1]);
  });

  test("each get what an earlier version kept by that name, as far as it is theirs", async () => {
    const folder = formerFolder(placeOf());
    await mkdir(folder);
    const theirs = { ...E2, namespace: other().namespaceId };
    const nobodys = { ...entry("2026-11-22T09:00:00Z", "01N"), namespace: null };
    const write = (...entries: object[]) =>
      writeFile(
        join(folder, "journal.ndjson"),
        entries.map((one) => `${JSON.stringify(one)}\n`).join(""),
      );
    const seen = async (place: ReturnType<typeof other>) =>
      (await createJournal(place).recent(10, never)).entries;
    await write(nobodys, E1, theirs);
    expect(await seen({ ...placeOf(), clock })).toEqual([E1]);
    expect(await seen(other())).toEqual([theirs]);
    await write(nobodys, E1);
    expect(await seen({ ...placeOf(), clock })).toEqual([nobodys, E1]);
    expect(await seen(other())).toEqual([]);
  });
});

test("the state folder follows XDG_STATE_HOME if that is absolute", () => {
  expect(defaultStateDir({ XDG_STATE_HOME: "/s" }, "/home/x")).toBe("/s/pixcanary");
  expect(defaultStateDir({ XDG_STATE_HOME: "rel" }, "/home/x")).toBe(
    "/home/x/.local/state/pixcanary",
  );
  expect(defaultStateDir({}, "/home/x")).toBe("/home/x/.local/state/pixcanary");
});

describe("the open incident", () => {
  const NONE = { percent: null, emergency: null, revision: null };
  const event = (at: string, id: string, kind: "opened" | "closed"): JournalEntry => ({
    ...entry(at, id, "incident"),
    ...{ incident: "INC-1", before: NONE, after: NONE },
    event: { kind, severity: null, text: "", when: null },
  });
  const OPENED = event("2026-11-22T10:30:00Z", "01I", "opened");
  const CLOSED = event("2026-11-22T11:30:00Z", "01J", "closed");

  test("is known from the file alone: no request is made", async () => {
    await journal().appendHere(E1);
    expect(await journal().openIncident()).toBeNull();
    await journal().appendHere(OPENED);
    await journal().appendHere(E2);
    expect(await journal().openIncident()).toBe("INC-1");
    await journal().appendHere(CLOSED);
    expect(await journal().openIncident()).toBeNull();
    expect(server.seen).toEqual([]);
  });

  test("of another machine is known here once its journal was read, and so is its end", async () => {
    put(E1);
    put(OPENED);
    await journal().recent(10, never);
    await journal().recent(10, never);
    expect(await journal().openIncident()).toBe("INC-1");
    const lines = (await readFile(fileOf(), "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([{ ...OPENED, adopted: true }]);
    put(CLOSED);
    await journal().recent(10, never);
    expect(await journal().openIncident()).toBeNull();
  });

  describe("and who can write the KV", () => {
    const noted = (n: number, text: string): JournalEntry => {
      const id = `02${String(n).padStart(4, "0")}`;
      const event = { kind: "noted", severity: null, text, when: null } as const;
      return { ...OPENED, id, event, notes: [`noted: ${text}`] };
    };
    const read = (times: number) =>
      Array.from({ length: times }).reduce<Promise<unknown>>(
        (before) => before.then(() => journal().recent(500, never)),
        Promise.resolve(),
      );
    const sizeOf = async () => (await stat(fileOf())).size;

    test("gets nothing onto this disk that is longer than a note can be", async () => {
      await journal().appendHere(E1);
      const before = await sizeOf();
      put({ ...noted(0, ""), notes: Array(30).fill("x".repeat(1_999)) });
      put({ ...noted(1, ""), notes: Array(4).fill("ä".repeat(1_000)) });
      await read(2);
      expect(await sizeOf()).toBe(before);
      put({ ...noted(2, "漢".repeat(1_000)), reason: "漢".repeat(400) });
      await read(1);
      expect(await sizeOf()).toBeGreaterThan(before + 7_200);
    });

    test("fills a part of what is read, once, and pushes none of the operator's entries out", async () => {
      const own = Array.from({ length: 1_500 }, (_, n) => entry(E1.at, `own${n}`));
      await mkdir(stateFolder(placeOf()), { recursive: true });
      await writeFile(fileOf(), own.map((one) => `${JSON.stringify(one)}\n`).join(""));
      const before = await sizeOf();
      for (let n = 0; n < 400; n += 1) put(noted(n, "x".repeat(1_000)));
      await read(3);
      const grown = (await sizeOf()) - before;
      expect(grown).toBeGreaterThan(50 * 1024);
      expect(grown).toBeLessThanOrEqual(66 * 1024);
      await read(3);
      expect((await sizeOf()) - before).toBe(grown);
      kv.clear();
      const { entries } = await journal().recent(9_999, never);
      expect(entries.filter(({ id }) => id.startsWith("own"))).toHaveLength(own.length);
    });
  });

  test("is closed here where it was opened, however full it is of what others wrote", async () => {
    put(OPENED);
    await journal().recent(10, never);
    expect(await journal().openIncident()).toBe("INC-1");
    for (let n = 0; n < 400; n += 1) put({ ...OPENED, id: `03${n}`, incident: `INC-9${n}` });
    await journal().recent(999, never);
    put({ ...CLOSED, notes: ["x".repeat(1_000)] });
    await journal().recent(999, never);
    const lines = (await readFile(fileOf(), "utf8")).split("\n");
    const closed = lines.filter((line) => line.includes(`"id":"${CLOSED.id}"`));
    expect(closed).toHaveLength(1);
  });

  test("is none where the file is a folder", async () => {
    await mkdir(fileOf(), { recursive: true });
    expect(await journal().openIncident()).toBeNull();
  });

  test("without a token is known, too: the file is read, and the warning says why KV is not", async () => {
    await journal().appendHere(OPENED);
    const alone = createLocalJournal(placeOf(), "no API token");
    expect(await alone.openIncident()).toBe("INC-1");
    expect(await alone.recent(10, never)).toEqual({
      entries: [OPENED],
      warnings: ["journal in KV: no API token"],
    });
    expect(await alone.append(E1, never)).toEqual(["journal in KV: no API token"]);
  });
});
