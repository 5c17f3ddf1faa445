/** `logs tail` over the sandbox's live tails: lines, breaks, silence, and nothing left behind. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createCloudflareClient } from "../../../src/adapters/cloudflare-client.ts";
import { createLogTail, type TailTiming } from "../../../src/adapters/logs/tail-socket.ts";
import { Secret } from "../../../src/adapters/secrets.ts";
import type { Outcome } from "../../../src/commands/command.ts";
import { type LogsTailData, logsTail } from "../../../src/commands/logs/tail.ts";
import { escapeForTerminal } from "../../../src/domain/text/escape.ts";
import type { LogTail, TailNotice } from "../../../src/ports/logs.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import type { Sandbox } from "../../../src/sandbox/index.ts";
import { startServer, success, type TestServer } from "../../adapters/server.ts";
import { ensureCli, PLAIN_ENV, runCli } from "../../support/cli.ts";
import { PATIENCE } from "../../support/patience.ts";
import { GIVEN, portsOf } from "../../support/ports-of.ts";
import { startSandbox } from "../../support/sandbox.ts";
import { ensureBundle } from "../../worker/bundle.ts";

let sandbox: Sandbox;
let ports: Ports;

beforeAll(async () => {
  await Promise.all([ensureBundle(), ensureCli()]);
  sandbox = await startSandbox({
    locations: ["FRA"],
    lagMs: { min: 0, max: 0 },
    percent: 100,
    rateLimits: false,
  });
  ports = await portsOf(sandbox.description.configPath);
});
afterAll(() => sandbox.close());

/** One run of the command, with what it showed. */
interface Run {
  lines: string[];
  documents: Record<string, unknown>[];
  said: string[];
  stop: AbortController;
  outcome: Promise<Outcome<LogsTailData>>;
}

const runs: Run[] = [];
beforeEach(() => {
  sandbox.control.setNative({ errorShare: 1, message: "no intent" });
});
afterEach(async () => {
  for (const { stop } of runs) stop.abort("SIGINT");
  await Promise.all(runs.splice(0).map(({ outcome }) => outcome));
  await sandbox.control.heal();
  expect(sandbox.control.logs.tails.list()).toEqual([]);
});

interface RunOptions {
  flags?: Record<string, unknown>;
  json?: boolean;
  timing?: Partial<TailTiming>;
  tail?: LogTail;
  /** Between attempts nothing is waited for. */
  hasty?: boolean;
}

function follow({ flags = {}, json = false, timing = {}, tail, hasty }: RunOptions = {}): Run {
  const { apiBaseUrl, accountId, apiToken } = sandbox.description;
  const token = new Secret(apiToken, "test");
  const client = createCloudflareClient({ apiBaseUrl, token, version: "test" });
  const sleep = async (_: number, signal: AbortSignal) => signal.throwIfAborted();
  const clock = hasty ? { ...ports.clock, sleep } : ports.clock;
  const place = { client, accountId, worker: "pix-sandbox", apiBaseUrl };
  const live = createLogTail({ ...place, timing, clock });
  const stop = new AbortController();
  const run: Omit<Run, "outcome"> = { lines: [], documents: [], said: [], stop };
  const changed: Ports = {
    ...ports,
    interrupt: stop.signal,
    logs: { ...ports.logs, tail: tail ?? live },
    progress: { ...ports.progress, note: (text) => run.said.push(text) },
    screen: {
      ...ports.screen,
      json,
      line: (text) => run.lines.push(text),
      document: (value) => run.documents.push(value as Record<string, unknown>),
    },
  };
  const given = { ...GIVEN, ...logsTail.input.parse(flags) };
  const whole = { ...run, outcome: logsTail.run(given, changed) };
  runs.push(whole);
  return whole;
}

const jobs = async (): Promise<void> => {
  await (await fetch(`${sandbox.description.edgeUrl}/api/jobs`)).text();
};
const saying = (run: Run, text: string): Promise<void> =>
  vi.waitFor(() => expect(run.said.join("\n")).toContain(text), PATIENCE);

/** Sends requests until one of them shows: a tail that was just opened may miss the first. */
const showing = (run: Run, count = 1): Promise<void> =>
  vi.waitFor(async () => {
    await jobs();
    expect(run.lines.length).toBeGreaterThanOrEqual(count);
  }, PATIENCE);

describe("lines", () => {
  test("are shown as they come, until Ctrl-C", async () => {
    const run = follow();
    await saying(run, "following pix-sandbox");
    await showing(run);
    expect(run.lines[0]).toMatch(
      /^✖ \d\d:\d\d:\d\dZ ERROR native b1b GET \/api\/jobs 500 \d+ ms FRA {2}no intent$/,
    );
    run.stop.abort("SIGINT");
    expect(await run.outcome).toMatchObject({
      kind: "interrupted",
      signal: "SIGINT",
      data: { reconnects: 0, dropped_notices: 0 },
    });
  });

  test("are filtered", async () => {
    const wanted = follow({ flags: { cohort: "native", level: "error", status: "5xx" } });
    const other = follow({ flags: { cohort: "proxy" } });
    await saying(wanted, "following");
    await saying(other, "following");
    await showing(wanted);
    await vi.waitFor(async () => {
      other.stop.abort("SIGINT");
      const { data } = (await other.outcome) as { data: LogsTailData };
      expect(data.events).toBeGreaterThan(0);
    }, PATIENCE);
    expect(other.lines).toEqual([]);
  });

  test("are documents with --json, one each", async () => {
    const run = follow({ json: true });
    await vi.waitFor(async () => {
      await jobs();
      expect(run.documents.some(({ type }) => type === "line")).toBe(true);
    }, PATIENCE);
    expect(run.documents[0]).toEqual({ type: "open", gap_ms: null });
    expect(run.documents.find(({ type }) => type === "line")).toMatchObject({
      level: "ERROR",
      cohort: "native",
      route: "/api/jobs",
      message: "no intent",
      timestamp: expect.stringMatching(/Z$/),
    });
  });

  test("hold nothing that a terminal would obey (AT-23)", async () => {
    const evil = "\u001b]52;c;eA==\u0007\u009b2J\u202e\r\n\u0000x";
    const notices: TailNotice[] = [
      { kind: "open", gapMs: null },
      {
        kind: "event",
        event: {
          outcome: evil,
          logs: [
            { message: [evil], level: "error", timestamp: 9e99 },
            {
              message: [JSON.stringify({ level: "ERROR", route: evil, cohort: evil, colo: evil })],
            },
          ],
          exceptions: [{ name: evil, message: evil }],
          event: { request: { url: `https://x/${evil}`, method: evil } },
        },
      },
      { kind: "dropped", message: evil },
      { kind: "lost", why: evil },
    ];
    const tail: LogTail = {
      async *follow() {
        yield* notices;
      },
    };
    const run = follow({ tail });
    await run.outcome;
    expect(run.lines).toHaveLength(4);
    for (const line of run.lines) expect(escapeForTerminal(line)).toBe(line);
  });
});

describe("a tail that breaks", () => {
  test("is replaced, and the gap is told", async () => {
    const run = follow();
    await saying(run, "following");
    await showing(run);
    expect(sandbox.control.logs.tails.cut()).toBe(1);
    await saying(run, "reconnected: ");
    expect(run.said.join("\n")).toContain("the connection broke: reconnecting");
    await showing(run, run.lines.length + 1);
    run.stop.abort("SIGINT");
    expect(await run.outcome).toMatchObject({ data: { reconnects: 1 } });
  });

  test("by expiring is replaced, too", async () => {
    const run = follow();
    await saying(run, "following");
    sandbox.control.logs.tails.expire();
    await saying(run, "reconnected: ");
    expect(run.said.join("\n")).toContain("tail expired");
    await showing(run);
  });

  test("again and again is given up", async () => {
    const run = follow({ hasty: true });
    const cutting = setInterval(() => sandbox.control.logs.tails.cut(), 5);
    const outcome = await run.outcome.finally(() => clearInterval(cutting));
    expect(outcome).toMatchObject({ kind: "failed", code: "upstream" });
    expect(outcome).toMatchObject({
      message: expect.stringMatching(/connections broke|follow the logs/),
    });
  });

  test("by an outage of the API is waited for", async () => {
    const run = follow();
    await saying(run, "following");
    await sandbox.control.addFault({ kind: "server-error", times: 3, match: { method: "POST" } });
    sandbox.control.logs.tails.cut();
    await saying(run, "reconnected: ");
  });

  test("is not even missed where its end is known or it falls silent", async () => {
    sandbox.control.logs.set({ tail: { ttlMs: 30_000 } });
    const expiring = follow({ timing: { beforeExpiryMs: 28_000 } });
    await saying(expiring, "following");
    const [first] = sandbox.control.logs.tails.list();
    await vi.waitFor(() => {
      const now = sandbox.control.logs.tails.list();
      expect(now).toHaveLength(1);
      expect(now[0]?.id).not.toBe(first?.id);
    }, PATIENCE);
    sandbox.control.logs.set({ tail: { ttlMs: 3_600_000 } });
    await showing(expiring);
    expect(expiring.said.join("\n")).not.toContain("reconnecting");
    expiring.stop.abort("SIGINT");
    await expiring.outcome;

    sandbox.control.logs.set({ tail: { silent: true } });
    const silent = follow({ timing: { silentMs: 200 } });
    await saying(silent, "following");
    const [before] = sandbox.control.logs.tails.list();
    await vi.waitFor(() => {
      expect(sandbox.control.logs.tails.list().map(({ id }) => id)).not.toContain(before?.id);
    }, PATIENCE);
  });
});

test("lines that are left out are told", async () => {
  const run = follow();
  await saying(run, "following");
  sandbox.control.logs.set({ tail: { eventsPerS: 0 } });
  await vi.waitFor(async () => {
    await jobs();
    expect(run.said.join("\n")).toContain(
      "lines are being dropped: Tail is currently in sampling mode",
    );
  }, PATIENCE);
  sandbox.control.logs.set({ tail: { eventsPerS: 1_000 } });
  await showing(run);
  expect(run.said.join("\n")).toContain("no longer dropping lines");
});

test("the end of --for is success, a token that may not is not", async () => {
  expect(await follow({ flags: { for: "1s" } }).outcome).toMatchObject({ kind: "done" });
  await sandbox.control.addFault({ kind: "forbidden", match: { pathContains: "/tails" } });
  expect(await follow().outcome).toMatchObject({ kind: "failed", code: "auth" });
});

describe("where the socket is", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.close());

  test.each([
    "ws://evil.example/x",
    "http://127.0.0.1/x",
    "wss://user:pass@tail.example/x",
    "not a url",
  ])("%s is not connected to", async (url) => {
    server.reply(success({ id: "t1", url, expires_at: null }));
    const token = new Secret("cfut_0123456789abcdef0123456789abcdef01234567", "test");
    const client = createCloudflareClient({ apiBaseUrl: server.url, token, version: "test" });
    const place = { client, accountId: "a", worker: "w", apiBaseUrl: server.url };
    const notices = createLogTail(place).follow({ signal: new AbortController().signal });
    await expect(notices[Symbol.asyncIterator]().next()).rejects.toThrow("refused to connect");
  });

  test("on this machine it is, without the token", async () => {
    server.reply((res, seen) => {
      const url = `${server.url.replace("http", "ws")}/socket`;
      if (seen.url.endsWith("/tails")) return success({ id: "t1", url })(res, seen);
      // No WebSocket here: what came is all that matters.
      res.writeHead(400).end();
    });
    const token = new Secret("cfut_0123456789abcdef0123456789abcdef01234567", "test");
    const client = createCloudflareClient({ apiBaseUrl: server.url, token, version: "test" });
    const stop = new AbortController();
    const clock = {
      now: Date.now,
      monotonic: () => performance.now(),
      // The first wait for another try ends it.
      sleep: async () => stop.abort(),
    };
    const place = { client, accountId: "a", worker: "w", apiBaseUrl: server.url, clock };
    for await (const _ of createLogTail(place).follow({ signal: stop.signal })) break;
    const socket = server.seen.find(({ url }) => url === "/socket");
    expect(socket).toBeDefined();
    expect(socket?.headers.authorization).toBeUndefined();
    expect(JSON.stringify(socket?.headers ?? {})).not.toContain("cfut_");
  });
});

test("as a program: Ctrl-C ends it with 130, its tail is gone, and each line is a document", async () => {
  let stdout = "";
  const done = runCli(["logs", "tail", "--json", "--config", sandbox.description.configPath], {
    env: PLAIN_ENV,
    onStart: (child) => {
      child.stdout?.on("data", (chunk: Buffer) => {
        stdout += chunk.toString("utf8");
      });
      void vi
        .waitFor(async () => {
          await jobs();
          expect(stdout).toContain('"type":"line"');
        }, PATIENCE)
        .finally(() => child.kill("SIGINT"));
    },
  });
  const { code } = await done;
  expect(code).toBe(130);
  const documents = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(documents.at(-1)).toMatchObject({ outcome: "interrupted", command: "logs tail" });
  expect(sandbox.control.logs.tails.list()).toEqual([]);
});
