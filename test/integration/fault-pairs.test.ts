/**
 * AT-4, pairs: `not-aus` as the program composes it, while two faults of the menu follow each other.
 * PIXCANARY_FAULT_SEED and PIXCANARY_RUNS choose another sample; a failure names the seed.
 */
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compose } from "../../src/cli/compose.ts";
import { reportJson, reportText } from "../../src/cli/report.ts";
import { notAus, pullTheStop } from "../../src/commands/not-aus/not-aus.ts";
import type { Ports } from "../../src/ports/ports.ts";
import { seededRandom } from "../../src/sandbox/random.ts";
import { shellFor } from "../support/here.ts";
import { HANG_MS } from "../support/patience.ts";
import { runs } from "../support/runs.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { type Case, EDGES, nameOf, Stage, tapRequests } from "./fault-stage.ts";
import { apiRule, FAULTS, type Fault } from "./faults.ts";
import { brokenPromises, type Verdict } from "./invariants.ts";
import {
  emergencies,
  type Lane,
  LanePool,
  resetLane,
  startLanes,
  stateFolderOf,
  stopIsStored,
  tokenEnv,
  writeConfig,
} from "./lane.ts";

const SEED = Number(process.env.PIXCANARY_FAULT_SEED ?? Math.floor(Math.random() * 2 ** 31));
const PAIRS = runs(200);
const LANES = 6;
const SKEWED_LANES = 2;
const BUDGET_MS = 1_000;

const untap = tapRequests();

let lanes: Lane[] = [];
let pool = new LanePool([]);
/** A wrong clock leaves times behind that would decide the next runs on the same lane. */
let skewedPool = new LanePool([]);
beforeAll(async () => {
  await ensureBundle();
  lanes = await startLanes(LANES);
  skewedPool = new LanePool(lanes.slice(0, SKEWED_LANES));
  pool = new LanePool(lanes.slice(SKEWED_LANES));
});
afterAll(async () => {
  await Promise.all(lanes.toReversed().map((lane) => lane.close()));
  untap();
});

function drawCases(seed: number, count: number): Case[] {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)] as T;
  return Array.from({ length: count }, () => {
    const drawn: Case = {
      first: pick(FAULTS),
      second: pick(FAULTS),
      edge: pick(EDGES),
      calls: [pick([1, 2, 3]), pick([1, 2, 4, Number.POSITIVE_INFINITY])],
      verify: random.next() < 0.85,
    };
    // Reads that go back in time are told apart by the times in the documents: not both at once.
    const blurred = drawn.edge === "stale" || drawn.edge === "reorder";
    return isSkewed(drawn) && blurred ? { ...drawn, edge: "frozen" } : drawn;
  });
}

function isSkewed({ first, second }: Case): boolean {
  return first.clockMs !== undefined || second.clockMs !== undefined;
}

async function stateDir(lane: Lane, full: boolean): Promise<string> {
  const dir = join(lane.dir, full ? "full" : "state");
  if (!full) return dir;
  const folder = stateFolderOf(lane, dir);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await symlink("/dev/full", join(folder, "journal.ndjson"));
  return dir;
}

async function stopOn(
  lane: Lane,
  stage: Stage | null,
  { verify = true, budgetMs = BUDGET_MS } = {},
): Promise<Verdict> {
  const config = await writeConfig(lane);
  const full = stage?.faults.some((fault) => fault.diskFull) ?? false;
  const env = {
    ...lane.env,
    ...tokenEnv(lane.sandbox),
    XDG_STATE_HOME: await stateDir(lane, full),
  };
  const said: string[] = [];
  const console = { out: (t: string) => said.push(t), err: (t: string) => said.push(t) };
  const shell = shellFor({ console, env, argv: ["not-aus"] });
  const flags = { config, verify, color: false };
  const over = new AbortController();
  const world = await compose(flags, shell, over.signal);
  const { clock } = world.ports;
  const ports: Ports = {
    ...world.ports,
    clock: { ...clock, now: () => clock.now() + (stage?.clockMs() ?? 0) },
  };
  const input = { reason: "AT-4", force: false, verify, timeoutMs: budgetMs };
  const outcome = await pullTheStop(input, ports);
  // Ends what a process takes with it when it exits: nothing may reach the lane's next run.
  over.abort();
  const { out, err, exitCode } = reportText(notAus, outcome);
  const text = world.redact([...said, out, err].join("\n"));
  const json = world.redact(reportJson("not-aus", ports.target.env, outcome).out);
  return { exitCode, text, json, verify };
}

async function violations(drawn: Case): Promise<string[]> {
  return (isSkewed(drawn) ? skewedPool : pool).use(async (lane) => {
    const stage = new Stage(lane, drawn);
    await stage.set();
    try {
      const verdict = await stopOn(lane, stage, { verify: drawn.verify });
      // A killed process claims nothing; what it left behind must not hinder the next one.
      if (!stage.faults.some((fault) => fault.killed)) return await brokenPromises(lane, verdict);
    } finally {
      stage.clear();
    }
    await lane.sandbox.control.heal();
    const again = await stopOn(lane, null, { budgetMs: HANG_MS });
    const broken = await brokenPromises(lane, again);
    return again.exitCode === 0 ? broken : [...broken, `a second run ended with ${again.exitCode}`];
  });
}

test(`${PAIRS} ordered pairs of faults, seed ${SEED}: never a false "stopped" (AT-4)`, async () => {
  const found = await Promise.all(
    drawCases(SEED, PAIRS).map(async (drawn) => {
      const broken = await violations(drawn);
      return broken.map((promise) => `${nameOf(drawn)}: ${promise}`);
    }),
  );
  expect(found.flat(), `PIXCANARY_FAULT_SEED=${SEED}`).toEqual([]);
});

function fault(name: string): Fault {
  const found = FAULTS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no fault ${name}`);
  return found;
}

/** Pairs that once broke a promise; none of them depends on a draw. */
const FOUND: readonly Case[] = [
  {
    first: fault("acknowledged, never stored"),
    second: fault("403"),
    edge: "healthy",
    calls: [2, Number.POSITIVE_INFINITY],
    verify: false,
  },
  {
    first: fault("200 with success:false, committed"),
    second: fault("read timeout"),
    edge: "frozen",
    calls: [2, Number.POSITIVE_INFINITY],
    verify: true,
  },
];

test.each(FOUND.map((drawn) => [nameOf(drawn), drawn] as const))("%s", async (_, drawn) => {
  expect(await violations(drawn)).toEqual([]);
});

test("an earlier stop, released since, that an old read brings back is no proof of a new one", async () => {
  await pool.use(async (lane) => {
    const { control } = lane.sandbox;
    const at = new Date(Date.now() - 60_000).toISOString();
    const old = JSON.stringify({ active: true, id: "01OLDSTOP0000000000000000A", at });
    // As many as the store keeps, so that the oldest that it can go back to is one of them.
    for (let nth = 0; nth < 16; nth += 1) control.store.put("stop", old);
    await resetLane(lane);
    await control.setFaults([
      { kind: "forgotten-write", match: { pathContains: "/values/stop" } },
      { kind: "older-read" },
    ]);
    const verdict = await stopOn(lane, null);
    expect(await brokenPromises(lane, verdict)).toEqual([]);
    expect(verdict.exitCode).toBe(21);
  });
});

describe("a verdict without proof is caught (the checker's own test)", () => {
  const LIES: Fault[] = FAULTS.filter(({ name }) =>
    ["200 with success:false", "200 with HTML", "acknowledged, never stored"].includes(name),
  );

  /** The broken twin: whoever gets a 200 says done. */
  async function naiveStop({ sandbox }: Lane): Promise<Verdict> {
    const { apiBaseUrl, accountId, kvNamespaceId, apiToken } = sandbox.description;
    const values = `${apiBaseUrl}/accounts/${accountId}/storage/kv/namespaces/${kvNamespaceId}/values`;
    const headers = { authorization: `Bearer ${apiToken}` };
    const body = JSON.stringify({ active: true, id: "NAIVE", at: new Date().toISOString() });
    const { ok } = await fetch(`${values}/stop`, { method: "PUT", headers, body });
    return { exitCode: ok ? 0 : 24, text: "", verify: true };
  }

  test.each(LIES)("$name", async (fault) => {
    await pool.use(async (lane) => {
      await lane.sandbox.control.setFaults(
        apiRule(fault, { from: 0, to: Number.POSITIVE_INFINITY }),
      );
      expect(await brokenPromises(lane, await naiveStop(lane))).toEqual([
        "says done, but no active stop is stored",
        "says done, but a location does not show the emergency",
      ]);
      const honest = await stopOn(lane, null);
      expect(honest.exitCode).not.toBe(0);
      expect(await brokenPromises(lane, honest)).toEqual([]);
    });
  });

  test("without a fault the twin is right, and so is the checker", async () => {
    await pool.use(async (lane) => {
      expect(await brokenPromises(lane, await naiveStop(lane))).toEqual([]);
      expect(stopIsStored(lane.sandbox)).toBe(true);
      expect(await emergencies(lane.sandbox)).toEqual([true]);
    });
  });
});
