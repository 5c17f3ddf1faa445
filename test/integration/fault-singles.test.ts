/**
 * AT-4, singles: each fault of the menu, for as long as the real program runs. A process of its own has who
 * needs one, and what would hold a process after its end; the others run in this one.
 */
import { type ChildProcess, spawn } from "node:child_process";
import dns from "node:dns";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, symlink, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createClock } from "../../src/adapters/clock.ts";
import type { Clock } from "../../src/ports/machine.ts";
import type { FaultRuleInput } from "../../src/sandbox/index.ts";
import type { CliOptions, CliResult } from "../support/cli.ts";
import { ensureCli, NODE, runCli } from "../support/cli.ts";
import { type HereOptions, runHere } from "../support/here.ts";
import { AMPLE_S, PATIENCE } from "../support/patience.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { brokenPromises } from "./invariants.ts";
import {
  type Lane,
  LanePool,
  startLanes,
  stateFolderOf,
  stopIsStored,
  tokenEnv,
  writeConfig,
} from "./lane.ts";

/** For what would go on for ever; whatever ends by itself has all the time that it takes. */
const SHORT_S = "2";
const LANES = 2;
vi.setConfig({ maxConcurrency: LANES });
/** The moment is short. */
const OFTEN = { ...PATIENCE, interval: 2 };

let lanes: Lane[] = [];
let pool = new LanePool([]);
const closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lanes = await startLanes(LANES);
  pool = new LanePool(lanes);
});
afterAll(async () => {
  await Promise.all(closers.map((close) => close()));
  await Promise.all(lanes.toReversed().map((lane) => lane.close()));
});

interface Prepared extends CliOptions, HereOptions {
  config?: Record<string, unknown>;
  /** In a process of its own. */
  process?: true;
}

interface Single {
  name: string;
  codes: readonly number[];
  prepare(lane: Lane): Promise<Prepared | undefined>;
}

const api =
  (...rules: FaultRuleInput[]) =>
  async ({ sandbox }: Lane): Promise<undefined> => {
    await sandbox.control.setFaults(rules);
  };

async function made(lane: Lane, name: string, text: string): Promise<string> {
  const path = join(await mkdtemp(join(lane.dir, "made-")), name);
  await writeFile(path, text);
  return path;
}

/** Code that runs before the program, in its process. */
async function preload(lane: Lane, source: string): Promise<Prepared> {
  return { process: true, nodeArgs: ["--require", await made(lane, "preload.cjs", source)] };
}

/** As the resolver would answer for the API's host, here called localhost. */
const byName = ({ sandbox }: Lane) => ({
  apiBaseUrl: sandbox.description.apiBaseUrl.replace("127.0.0.1", "localhost"),
});
const NXDOMAIN = `require("node:dns").lookup = (name, options, callback) => {
  const error = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND", syscall: "getaddrinfo" });
  (typeof options === "function" ? options : callback)(error);
};`;

/** Whoever asks for localhost, in this process, is not answered until the end of the file. */
function silentResolver(): void {
  const { lookup } = dns;
  const asked = (name: string, ...rest: unknown[]): void => {
    if (name !== "localhost") Reflect.apply(lookup, dns, [name, ...rest]);
  };
  Object.assign(dns, { lookup: asked });
  closers.push(async () => {
    Object.assign(dns, { lookup });
  });
}

/** A port where connections are neither accepted nor refused: its queue is full. */
async function silentPort(): Promise<number> {
  const script =
    'const s = require("node:net").createServer(); s.listen(0, "127.0.0.1", 1, () => ' +
    'process.stdout.write(s.address().port + "\\n", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)));';
  const child: ChildProcess = spawn(NODE, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  const port = Number(line.toString());
  const fillers: Socket[] = Array.from({ length: 8 }, () => connect(port, "127.0.0.1"));
  for (const filler of fillers) filler.on("error", () => undefined);
  closers.push(async () => {
    for (const filler of fillers) filler.destroy();
    child.kill("SIGKILL");
    await once(child, "close");
  });
  return port;
}

/** Speaks no TLS: closes whatever does. */
async function plainPort(): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function fullDisk(lane: Lane): Promise<Prepared> {
  const state = await mkdtemp(join(lane.dir, "full-"));
  const folder = stateFolderOf(lane, state);
  await mkdir(folder, { recursive: true });
  await symlink("/dev/full", join(folder, "journal.ndjson"));
  return { env: { ...lane.env, ...tokenEnv(lane.sandbox), XDG_STATE_HOME: state } };
}

const HOUR_AHEAD = `const now = Date.now; Date.now = () => now() + 3_600_000;
const Real = Date; globalThis.Date = class extends Real { constructor(...a) { a.length ? super(...a) : super(Real.now()); } };`;

function hourBehind(): Clock {
  const clock = createClock();
  return { ...clock, now: () => clock.now() - 3_600_000 };
}

/** The wall clock jumps by 8 h while the process is stopped; the monotonic one does not, as in a real suspend. */
const SUSPENDED = `let ms = 0; const now = Date.now; Date.now = () => now() + ms;
process.on("SIGCONT", () => { ms = 8 * 3_600_000; });`;

async function suspend(lane: Lane): Promise<Prepared> {
  // The answers to its reads keep the program busy for longer than it takes to stop it.
  await lane.sandbox.control.setFaults([{ kind: "delay", ms: 400, match: { method: "GET" } }]);
  return {
    ...(await preload(lane, SUSPENDED)),
    onStart: (child) => {
      void vi
        .waitUntil(() => stopIsStored(lane.sandbox), OFTEN)
        .then(() => child.kill("SIGSTOP"))
        .then(() => vi.waitUntil(() => isStopped(child), OFTEN))
        .catch(() => undefined)
        .finally(() => child.kill("SIGCONT"));
    },
  };
}

/** Also true of a process that has ended. */
function isStopped({ pid }: ChildProcess): Promise<boolean> {
  return readFile(`/proc/${pid}/stat`, "utf8").then(
    (text) => / [TZX] /.test(text.slice(text.lastIndexOf(")"))),
    () => true,
  );
}

/** 21 when the budget ended while an attempt was under way: nobody can say that it did not arrive. */
const WITHOUT_PROOF = [21, 24];

const SINGLES: readonly Single[] = [
  { name: "refused", codes: WITHOUT_PROOF, prepare: api({ kind: "outage" }) },
  {
    name: "NXDOMAIN",
    codes: WITHOUT_PROOF,
    prepare: async (lane) => ({ ...(await preload(lane, NXDOMAIN)), config: byName(lane) }),
  },
  {
    name: "DNS timeout",
    codes: WITHOUT_PROOF,
    prepare: async (lane) => {
      silentResolver();
      return { config: byName(lane) };
    },
  },
  {
    name: "TLS error (at /qa: the API's address may be plain only on loopback)",
    codes: [21],
    prepare: async () => ({ config: { qaUrls: [`https://127.0.0.1:${await plainPort()}/qa`] } }),
  },
  {
    name: "connect timeout",
    codes: WITHOUT_PROOF,
    prepare: async () => ({
      process: true,
      config: { apiBaseUrl: `http://127.0.0.1:${await silentPort()}/client/v4` },
    }),
  },
  {
    name: "read timeout",
    codes: [21],
    prepare: async ({ sandbox }) => {
      await sandbox.control.setFaults([{ kind: "hang" }]);
      return { process: true };
    },
  },
  { name: "slow drip", codes: [0, 21], prepare: api({ kind: "drip", everyMs: 200 }) },
  { name: "reset mid-body", codes: [0, 21], prepare: api({ kind: "reset-mid-body" }) },
  { name: "429", codes: WITHOUT_PROOF, prepare: api({ kind: "rate-limited" }) },
  {
    name: "429 with retry-after",
    codes: WITHOUT_PROOF,
    prepare: api({ kind: "rate-limited", retryAfterS: 30 }),
  },
  { name: "500", codes: [21], prepare: api({ kind: "server-error", status: 500 }) },
  { name: "502", codes: [21], prepare: api({ kind: "server-error", status: 502 }) },
  {
    name: "503, committed",
    codes: [0, 21],
    prepare: api({ kind: "server-error", committed: true }),
  },
  { name: "401", codes: [23], prepare: api({ kind: "unauthorized" }) },
  { name: "403", codes: [23], prepare: api({ kind: "forbidden" }) },
  { name: "200 with success:false", codes: [21], prepare: api({ kind: "unsuccessful" }) },
  { name: "200 with HTML", codes: [21], prepare: api({ kind: "html" }) },
  { name: "truncated JSON", codes: [0, 21], prepare: api({ kind: "truncated" }) },
  {
    name: "write committed but answer lost",
    codes: [0, 21],
    prepare: api({ kind: "lost-answer" }),
  },
  { name: "acknowledged, never stored", codes: [21], prepare: api({ kind: "forgotten-write" }) },
  { name: "duplicated write", codes: [0], prepare: api({ kind: "duplicate-write", afterMs: 30 }) },
  { name: "stale read", codes: [0], prepare: api({ kind: "stale-read", times: 4 }) },
  { name: "read older than a previous read", codes: [0, 21], prepare: api({ kind: "older-read" }) },
  { name: "clock 1 h ahead", codes: [0], prepare: (lane) => preload(lane, HOUR_AHEAD) },
  { name: "clock 1 h behind", codes: [0], prepare: async () => ({ clock: hourBehind() }) },
  { name: "8 h suspend, simulated", codes: [0], prepare: suspend },
  { name: "disk full", codes: [0], prepare: fullDisk },
];

async function notAus(
  lane: Lane,
  { config, process, ...how }: Prepared,
  timeoutS = AMPLE_S,
): Promise<CliResult> {
  const path = await writeConfig(lane, config);
  const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
  const words = ["not-aus", "--config", path, "--timeout", timeoutS];
  return process ? runCli(words, { env, ...how }) : runHere(words, { env, ...how });
}

describe.concurrent("one fault, all the way", () => {
  test.each(SINGLES)("$name", ({ codes, prepare }) =>
    pool.use(async (lane) => {
      const endsByItself = codes.every((code) => code === 0 || code === 23);
      const budgetS = endsByItself ? AMPLE_S : SHORT_S;
      const result = await notAus(lane, (await prepare(lane)) ?? {}, budgetS);
      const text = result.stdout + result.stderr;
      // On a slow machine the budget may end before the first write has begun.
      const asked = lane.sandbox.control.requests().some(({ method }) => method === "PUT");
      expect(asked ? codes : [...codes, 24], text).toContain(result.code);
      const broken = await brokenPromises(lane, {
        exitCode: result.code,
        text,
        verify: true,
      });
      expect(broken, text).toEqual([]);
    }),
  );

  test("SIGKILL right after the write: the stop stands, and a second run ends well", () =>
    pool.use(async (lane) => {
      const { control } = lane.sandbox;
      await control.setFaults([{ kind: "lost-answer", match: { method: "PUT" } }]);
      const killed = await notAus(lane, {
        process: true,
        onStart: (child) => {
          void vi
            .waitUntil(() => stopIsStored(lane.sandbox), OFTEN)
            .catch(() => undefined)
            .finally(() => child.kill("SIGKILL"));
        },
      });
      expect(killed).toMatchObject({ code: null, signal: "SIGKILL" });
      expect(stopIsStored(lane.sandbox)).toBe(true);
      await control.heal();
      expect(await notAus(lane, {})).toMatchObject({ code: 0 });
    }));
});
