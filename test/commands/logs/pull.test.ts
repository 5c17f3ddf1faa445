/** `logs pull` against the sandbox's R2: windows, resuming, damage, hostile keys. */
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createCloudflareClient } from "../../../src/adapters/cloudflare-client.ts";
import { createLogArchive } from "../../../src/adapters/logs/r2-archive.ts";
import { Secret } from "../../../src/adapters/secrets.ts";
import type { Outcome } from "../../../src/commands/command.ts";
import { logsPull } from "../../../src/commands/logs/pull.ts";
import type { LogsPullData } from "../../../src/commands/logs/pull-data.ts";
import type { LogManifest } from "../../../src/domain/logs/manifest.ts";
import { escapeForTerminal } from "../../../src/domain/text/escape.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import type { FaultRuleInput, Sandbox } from "../../../src/sandbox/index.ts";
import { ensureCli, PLAIN_ENV, runCli } from "../../support/cli.ts";
import { hostileKeys } from "../../support/hostile-keys.ts";
import { PATIENCE } from "../../support/patience.ts";
import { GIVEN, portsOf } from "../../support/ports-of.ts";
import { startSandbox } from "../../support/sandbox.ts";
import { ensureBundle } from "../../worker/bundle.ts";

let sandbox: Sandbox;
let ports: Ports;
let dir = "";

beforeAll(async () => {
  await Promise.all([ensureBundle(), ensureCli()]);
  sandbox = await startSandbox({
    locations: ["FRA"],
    lagMs: { min: 0, max: 0 },
    rateLimits: false,
  });
  ports = await hastyPorts();
});
afterAll(() => sandbox.close());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "pixcanary-pull-"));
});
afterEach(async () => {
  await sandbox.control.heal();
  await sandbox.control.logs.clear();
  sandbox.control.forgetRequests();
  await rm(dir, { recursive: true, force: true });
});

/** Real ports, but for the waits: neither the API's budget nor a retry's delay counts here. */
async function hastyPorts(): Promise<Ports> {
  const { configPath, apiBaseUrl, accountId, apiToken, logsBucket } = sandbox.description;
  const real = await portsOf(configPath);
  const clock = { ...real.clock, sleep: async (_: number, s: AbortSignal) => s.throwIfAborted() };
  const token = new Secret(apiToken, "test");
  const client = createCloudflareClient({ apiBaseUrl, token, version: "test" });
  const archive = createLogArchive({
    client,
    accountId,
    bucket: logsBucket,
    prefix: "b2a/",
    clock: { monotonic: () => 0, sleep: clock.sleep },
  });
  return { ...real, clock, logs: { ...real.logs, archive } };
}

type PullInput = Record<string, string | boolean>;

function pull(flags: PullInput = {}, changed: Partial<Ports> = {}): Promise<Outcome<LogsPullData>> {
  const given = { ...GIVEN, ...logsPull.input.parse({ out: join(dir, "out"), ...flags }) };
  return logsPull.run(given, { ...ports, ...changed });
}

async function pulled(flags: PullInput = {}): Promise<LogsPullData> {
  const outcome = await pull(flags);
  if (outcome.kind !== "done") throw new Error(JSON.stringify(outcome));
  return outcome.data;
}

const at = (time: string): number => Date.parse(`2026-05-01T${time}Z`);
const batch = (fromMs: number, minutes = 1, text = "x"): Promise<string> =>
  sandbox.control.logs.addBatch({ fromMs, toMs: fromMs + minutes * 60_000 }, [{ text, fromMs }]);

const out = (file: string): string => join(dir, "out", file);
const manifest = async (): Promise<LogManifest> =>
  JSON.parse(await readFile(out("manifest.json"), "utf8")) as LogManifest;
const filesThere = async (): Promise<string[]> =>
  (await readdir(join(dir, "out"))).filter((name) => name !== "manifest.json").toSorted();
const lastPart = (key: string): string => key.slice(key.lastIndexOf("/") + 1);
const objectReads = (): number =>
  sandbox.control.requests().filter(({ path }) => path.includes("/objects/")).length;

describe("a window", () => {
  test("at a day's boundary takes in the batches around it, from both days, and no others", async () => {
    const inside = await Promise.all([
      batch(at("00:00:00") - 4 * 60_000),
      batch(at("00:00:00") - 30_000),
      batch(at("00:05:00")),
      // Begins 14 min after the window: its events may be of it.
      batch(at("00:24:00")),
    ]);
    await batch(at("00:00:00") - 20 * 60_000);
    await batch(at("00:26:00"));
    await batch(at("12:00:00"));
    const window = { since: "2026-05-01T00:00:00Z", until: "2026-05-01T00:10:00Z" };
    const data = await pulled(window);
    expect(await filesThere()).toEqual(inside.map(lastPart).toSorted());
    expect(data).toMatchObject({ files: 4, fetched: 4, there: 0, problems: [] });
    expect((await manifest()).window).toEqual({
      since: "2026-05-01T00:00:00.000Z",
      until: "2026-05-01T00:10:00.000Z",
    });
  });

  test("is the last hour by default, and does not take other names", async () => {
    const now = Date.now();
    const recent = await batch(now - 30 * 60_000);
    await batch(now - 3 * 3_600_000);
    await sandbox.control.logs.put(
      `b2a/${new Date(now).toISOString().slice(0, 10)}/notes.txt`,
      "x",
    );
    expect((await pulled()).files).toBe(1);
    expect(await filesThere()).toEqual([lastPart(recent)]);
  });

  test("without files cannot say, makes no folder, and says what to check", async () => {
    await sandbox.control.logs.put("b2a/20200101/notes.txt", "x");
    for (const [flags, time] of [
      [{}, ", 20"],
      [{ all: true, prefix: "other" }, ""],
    ] as const) {
      const outcome = await pull(flags);
      const place = `no file found below ${"prefix" in flags ? "other" : "b2a"}/ in R2 bucket`;
      expect(outcome).toMatchObject({
        kind: "unhealthy",
        data: { files: 0, folder: null },
        reason: expect.stringContaining(place),
      });
      expect(logsPull.render(outcome)).toMatch(/no file found below[\s\S]*Logpush job/);
      expect(logsPull.render(outcome)).toContain(time);
      expect(await readdir(dir)).toEqual([]);
    }
  });

  test.each([
    [{ since: "1h", until: "2h" }, "--since must be earlier than --until"],
    [{ all: true, since: "1h" }, "--all takes no --since"],
    [{ all: true, maxBytes: "10" }, "more than --max-bytes 10 B"],
  ])("%j is refused", async (flags, message) => {
    await batch(Date.now());
    const outcome = await pull(flags);
    expect(outcome).toMatchObject({ kind: "failed", code: "usage" });
    expect(outcome).toMatchObject({ message: expect.stringContaining(message) });
    expect(await readdir(dir)).toEqual([]);
  });
});

describe("folders", () => {
  const window = { since: "2026-05-01T13:00:00Z", until: "2026-05-01T14:00:00Z" };
  const name = (from: string) => `${from}Z_${from}Z_ab.log.gz`;
  const [WANTED, OTHER] = [name("20260501T133000"), name("20260430T133000")];
  // Of the wanted batch, and of one of the day before.
  const layouts: [string, string, string][] = [
    ["flat", "", ""],
    ["{DATE}", "20260501/", "20260430/"],
    ["{DATE} as it stands", "{DATE}/", "{DATE}/"],
    ["ISO dates", "2026-05-01/", "2026-04-30/"],
    ["date=", "date=2026-05-01/", "date=2026-04-30/"],
    ["dt=", "dt=20260501/", "dt=20260430/"],
    ["a part each", "2026/05/01/", "2026/04/30/"],
    ["a part each, named", "year=2026/month=05/day=01/", "year=2026/month=04/day=30/"],
    ["hours", "20260501/13/", "20260430/13/"],
    ["hours in parts", "2026/05/01/13/", "2026/04/30/13/"],
    ["hours, named", "date=2026-05-01/hour=13/", "date=2026-04-30/hour=13/"],
    ["a data set", "workers/2026-05-01/", "workers/2026-04-30/"],
  ];

  test.each(layouts)("by %s are found, and no other time's", async (_, folder, earlier) => {
    await sandbox.control.logs.put(`b2a/${folder}${WANTED}`, "wanted");
    await sandbox.control.logs.put(`b2a/${earlier}${OTHER}`, "not wanted");
    for (const prefix of ["b2a", "b2a/", "b2a/{DATE}"]) {
      const data = await pulled({ ...window, prefix, out: join(dir, prefix.replaceAll("/", "_")) });
      expect(data).toMatchObject({ files: 1, fetched: 1 });
    }
  });
});

describe("what was fetched", () => {
  test("is checked, and listed with its hashes", async () => {
    const key = await batch(Date.now());
    await pulled();
    const bytes = await readFile(out(lastPart(key)));
    expect((await manifest()).files).toEqual([
      {
        key,
        file: lastPart(key),
        size: bytes.byteLength,
        etag: createHash("md5").update(bytes).digest("hex"),
        sha256: createHash("sha256").update(bytes).digest("hex"),
      },
    ]);
  });

  test("is not fetched again, not even where the manifest was lost", async () => {
    await Promise.all([batch(Date.now()), batch(Date.now() - 60_000)]);
    await pulled();
    sandbox.control.forgetRequests();
    expect(await pulled()).toMatchObject({ fetched: 0, there: 2 });
    await rm(out("manifest.json"));
    expect(await pulled()).toMatchObject({ fetched: 0, there: 2 });
    expect(objectReads()).toBe(0);
    expect((await manifest()).files).toHaveLength(2);
  });

  test("is fetched again where it was damaged since", async () => {
    const key = await batch(Date.now());
    await pulled();
    const { byteLength } = await readFile(out(lastPart(key)));
    await writeFile(out(lastPart(key)), Buffer.alloc(byteLength, "damaged"));
    expect(await pulled()).toMatchObject({ fetched: 1, there: 0 });
    expect((await readFile(out(lastPart(key)))).byteLength).toBe((await manifest()).files[0]?.size);
  });

  test("never takes the place of a file that did not come from here", async () => {
    const key = await batch(Date.now());
    await pulled();
    await rm(out("manifest.json"));
    await writeFile(out(lastPart(key)), "somebody's own");
    const outcome = await pull();
    expect(outcome).toMatchObject({ kind: "failed", code: "upstream" });
    expect(await readFile(out(lastPart(key)), "utf8")).toBe("somebody's own");
  });

  test("is not mixed with that of another place", async () => {
    await sandbox.control.logs.put("other/x.log", "x");
    await batch(Date.now());
    await pulled();
    const outcome = await pull({ all: true, prefix: "other" });
    expect(outcome).toMatchObject({ kind: "failed", code: "usage" });
    expect(outcome).toMatchObject({
      message: expect.stringContaining("logs of another bucket or prefix"),
    });
  });
});

const ON_OBJECTS = { match: { pathContains: "/objects/" } };

describe("a download that is cut", () => {
  const BYTES = Buffer.alloc(200_000, "0123456789abcdef");

  test("goes on where it stopped, within the run", async () => {
    await sandbox.control.logs.put("b2a/x.log", BYTES);
    await sandbox.control.addFault({ kind: "reset-mid-body", times: 2, ...ON_OBJECTS });
    expect(await pulled({ all: true })).toMatchObject({ fetched: 1, problems: [] });
    const [file = ""] = await filesThere();
    expect(await readFile(out(file))).toEqual(BYTES);
    expect(objectReads()).toBe(3);
  });

  test("goes on where it stopped, in the next run", async () => {
    await sandbox.control.logs.put("b2a/x.log", BYTES);
    await sandbox.control.addFault({ kind: "truncated", ...ON_OBJECTS });
    const outcome = await pull({ all: true });
    expect(outcome).toMatchObject({ kind: "failed", code: "upstream" });
    expect(outcome).toMatchObject({ next: expect.stringContaining(`--all --out ${dir}/out`) });
    const [part = ""] = await filesThere();
    expect(part).toMatch(/\.part$/);
    const left = (await readFile(out(part))).byteLength;
    expect(left).toBeGreaterThan(0);
    await sandbox.control.clearFaults();
    // Only the rest is asked for: a wrong beginning would be noticed by the hash.
    const content = vi.spyOn(ports.logs.archive, "read");
    expect(await pulled({ all: true })).toMatchObject({ fetched: 1 });
    expect(content.mock.calls[0]?.[1].rest?.fromByte).toBe(left);
    content.mockRestore();
    expect(await filesThere()).toEqual([part.replace(/\.part$/, "")]);
  });

  test("starts anew when the part belongs to something else", async () => {
    await sandbox.control.logs.put("b2a/x.log", BYTES);
    await sandbox.control.addFault({ kind: "truncated", ...ON_OBJECTS });
    await pull({ all: true });
    await sandbox.control.clearFaults();
    const [part = ""] = await filesThere();
    await writeFile(out(part), Buffer.alloc(50, "z"));
    expect(await pulled({ all: true })).toMatchObject({ fetched: 1, problems: [] });
    expect(await readFile(out(part.replace(/\.part$/, "")))).toEqual(BYTES);
  });
});

describe("an answer that is wrong", () => {
  const cases: [string, FaultRuleInput, string][] = [
    ["too short", { kind: "truncated", ...ON_OBJECTS }, " bytes"],
    ["a sign-in page", { kind: "html", ...ON_OBJECTS }, "bytes"],
    ["damaged", { kind: "flipped-byte", ...ON_OBJECTS }, "checksum mismatch twice"],
    ["refused", { kind: "server-error", ...ON_OBJECTS }, "HTTP 503"],
  ];
  test.each(cases)("%s: is reported, and the others are there", async (_, fault, words) => {
    await sandbox.control.logs.put("b2a/a.log", "a".repeat(100));
    await sandbox.control.logs.put("b2a/b.log", "b".repeat(100));
    const path = `/objects/${encodeURIComponent("b2a/a.log")}`;
    await sandbox.control.addFault({ ...fault, match: { pathContains: path } });
    const outcome = await pull({ all: true });
    expect(outcome).toMatchObject({ kind: "failed", code: "upstream" });
    const data = "data" in outcome ? outcome.data : undefined;
    expect(data?.problems).toEqual([
      { key: "b2a/a.log", file: expect.stringContaining("other-"), problem: expect.any(String) },
    ]);
    expect(data?.problems[0]?.problem).toContain(words);
    expect((await manifest()).files.map(({ key }) => key)).toEqual(["b2a/b.log"]);
    expect(logsPull.render(outcome)).toContain(words);
  });

  test("is kept aside when it is damaged, under a name that is no log's", async () => {
    await sandbox.control.logs.put("b2a/a.log", "a".repeat(100));
    await sandbox.control.addFault({ kind: "flipped-byte", ...ON_OBJECTS });
    await pull({ all: true });
    expect(await filesThere()).toEqual([expect.stringMatching(/\.unverified$/)]);
    expect((await manifest()).files).toEqual([]);
  });

  test("of the token ends everything at once", async () => {
    for (let n = 0; n < 20; n += 1) await sandbox.control.logs.put(`b2a/${n}`, "x");
    await sandbox.control.addFault({ kind: "forbidden", after: 8, ...ON_OBJECTS });
    const outcome = await pull({ all: true });
    expect(outcome).toMatchObject({ kind: "failed", code: "auth" });
    expect(objectReads()).toBeLessThan(15);
    expect((await manifest()).files.length).toBeGreaterThan(0);
  });
});

test("an object of several parts is compared by its etag alone", async () => {
  await sandbox.control.logs.put("b2a/a.log", "a".repeat(100));
  const { archive } = ports.logs;
  const etag = "0123456789abcdef0123456789abcdef-2";
  const asParts: Ports["logs"]["archive"] = {
    ...archive,
    async *list(window, options) {
      for await (const object of archive.list(window, options)) yield { ...object, etag };
    },
    read: async (key, options) => ({ ...(await archive.read(key, options)), etag }),
  };
  const logs = { ...ports.logs, archive: asParts };
  expect(await pull({ all: true }, { logs })).toMatchObject({ kind: "done" });
  expect((await manifest()).files[0]?.etag).toBe(etag);
});

test("an answer longer than its object is not read to its end", async () => {
  await sandbox.control.logs.put("b2a/a.log", "a".repeat(100));
  let given = 0;
  const endless: Ports["logs"]["archive"] = {
    ...ports.logs.archive,
    read: async () => ({ etag: "", size: null, fromByte: 0, chunks: many() }),
  };
  async function* many() {
    for (given = 0; given < 1_000; given += 1) yield Buffer.alloc(60);
  }
  const outcome = await pull({ all: true }, { logs: { ...ports.logs, archive: endless } });
  expect(outcome).toMatchObject({ kind: "failed", code: "upstream" });
  expect(given).toBeLessThan(3);
});

test("hostile keys: one file each, inside the folder, with the right bytes", async () => {
  const keys = hostileKeys(3, 120).filter((key) => Buffer.byteLength(key) <= 1_024);
  await sandbox.control.setLogs({ put: keys.map((key) => ({ key, text: key })) });
  const stored = await sandbox.control.logs.keys();
  expect(stored).toHaveLength(keys.length);
  const reachable = stored.filter((key) => key !== "." && key !== "..");
  const outcome = await pull({ all: true, prefix: "" });
  const data = "data" in outcome ? outcome.data : undefined;
  expect(data?.problems.map(({ key }) => key)).toEqual([".", ".."]);
  expect(data?.fetched).toBe(reachable.length);
  expect(await readdir(dir)).toEqual(["out"]);
  for (const { key, file } of (await manifest()).files) {
    expect(await readFile(out(file), "utf8")).toBe(key);
  }
  const lines = logsPull.render(outcome).split("\n");
  expect(lines.map(escapeForTerminal)).toEqual(lines);
});

describe("as a program", () => {
  const run = (args: readonly string[], onStart?: Parameters<typeof runCli>[1]) =>
    runCli(["logs", "pull", "--config", sandbox.description.configPath, ...args], {
      cwd: dir,
      env: { ...PLAIN_ENV, HOME: dir },
      ...onStart,
    });

  test("does not put logs where others can write, but says how to", async () => {
    await batch(Date.now());
    await mkdir(join(dir, "incident-logs"));
    await chmod(join(dir, "incident-logs"), 0o777);
    const { code, stderr } = await run([]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/others can write to .*incident-logs \(mode 0777\): name the folder/);
    expect(stderr).toMatch(/ --out incident-logs\/\d{8}T\d{6}Z/);
    expect(await readdir(join(dir, "incident-logs"))).toEqual([]);
    expect((await run(["--out", "incident-logs/x"])).code).toBe(0);
  });

  test("answers with a document, and names its folder by the time", async () => {
    const key = await batch(Date.now());
    const { code, stdout } = await run(["--json"]);
    expect(code).toBe(0);
    const document = JSON.parse(stdout) as LogsPullData & { next: string };
    expect(document).toMatchObject({ command: "logs pull", fetched: 1, prefix: "b2a" });
    expect(document.folder).toMatch(/^incident-logs\/\d{8}T\d{6}Z$/);
    expect(document.next).toContain("logs");
    expect(await readdir(join(dir, document.folder ?? ""))).toContain(lastPart(key));
  });

  test("Ctrl-C keeps what is complete, and says how to go on", async () => {
    await sandbox.control.logs.put("b2a/a.log", "a".repeat(1_000));
    await sandbox.control.logs.put("b2a/b.log", "b".repeat(1_000));
    const match = { pathContains: "b.log" };
    await sandbox.control.addFault({ kind: "drip", bytes: 1, everyMs: 100, match });
    const done = run(["--all", "--out", "here"], {
      onStart: (child) => {
        void vi
          .waitFor(async () => {
            const names = await readdir(join(dir, "here"));
            expect(names.filter((name) => /a\.log$/.test(name))).toHaveLength(1);
            expect(names.some((name) => /b\.log\.part$/.test(name))).toBe(true);
          }, PATIENCE)
          .then(() => child.kill("SIGINT"));
      },
    });
    const { code, stderr } = await done;
    expect(code).toBe(130);
    expect(stderr).toContain("1 of 2 files complete in here");
    expect(stderr).toContain("--all --out here");
    const text = await readFile(join(dir, "here/manifest.json"), "utf8");
    expect((JSON.parse(text) as LogManifest).files.map(({ key }) => key)).toEqual(["b2a/a.log"]);
  });
});
