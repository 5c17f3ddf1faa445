/**
 * SECURITY.md's table of permissions, row by row: with a token of exactly these each command does its work;
 * without any one of them it names that one.
 */
import { readFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commands } from "../../src/commands/index.ts";
import type { Permission } from "../../src/sandbox/index.ts";
import { PERMISSIONS } from "../../src/sandbox/index.ts";
import { HOST, PAGES_ORIGIN, ZONE } from "../../src/sandbox/types.ts";
import { BASE, rampOf } from "../domain/ramp/world.ts";
import { measure } from "../runbook/measured.ts";
import { ensureCli, ROOT } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { untilReady } from "../support/live.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { resetLane, startLane, tokenEnv, writeConfig } from "./lane.ts";

interface Row {
  command: string;
  needs: string[];
  uses: string[];
}

/** The rows of the table below "Permissions by command". */
function rowsOf(markdown: string): Row[] {
  const [, section = ""] = markdown.split("\n## Permissions by command\n");
  const names = (cell = "") => (cell.trim() === "–" ? [] : cell.split(",").map((n) => n.trim()));
  return [...section.matchAll(/^\| `([^`]+)` *\|([^|]*)\|([^|]*)\|/gm)].map(
    ([, command = "", needs, uses]) => ({ command, needs: names(needs), uses: names(uses) }),
  );
}

const ROWS = rowsOf(readFileSync(join(ROOT, "SECURITY.md"), "utf8"));

/** The dashboard says Edit where the API says Write. */
function granted(names: readonly string[]): Permission[] {
  return names.map((name) => {
    const wanted = name.replace(": Edit", " Write").replace(": ", " ");
    const found = PERMISSIONS.find((one) => one === wanted);
    if (found === undefined) throw new Error(`the API knows no permission ${wanted}`);
    return found;
  });
}

/** Less by one: who may edit could still read. */
function without(names: readonly string[], missing: string): string[] {
  const rest = names.filter((name) => name !== missing);
  return missing.endsWith(": Edit") ? [...rest, missing.replace(": Edit", ": Read")] : rest;
}

interface Way {
  /** In place of the command's own words. */
  words?: string[];
  stage?: () => Promise<void> | void;
  /** How it ends with what it needs; 0. */
  code?: number;
  /** How it ends without; 23. By permission where that differs. */
  refused?: number | Record<string, number>;
  /** Where the mention of what it only uses is seen; its own words. */
  shown?: string[];
  /** Runs until it is interrupted, which happens when it has written this to standard output. */
  until?: string;
}

let lane: Lane;
let config = "";
/** Of the run, so that no journal or queue of another is found. */
let home = "";
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: ["FRA"] });
  await untilReady(lane.sandbox.description);
  config = await writeConfig(lane, {
    dataset: "canary_requests",
    pagesOrigin: PAGES_ORIGIN,
    logsBucket: lane.sandbox.description.logsBucket,
    logsPrefix: "b2a/",
    mediaBucket: lane.sandbox.description.mediaBucket,
    rampMinNativeRequests: 0,
    policy: { settleSeconds: 0, minNativeRequests: 4 },
    zone: ZONE,
    legacyHosts: [new URL(lane.sandbox.description.originUrl).hostname],
  });
  await measure(lane.sandbox, "healthy");
  const fromMs = Date.now() - 20 * 60_000;
  const lines = [{ text: "x", fromMs }];
  await lane.sandbox.control.logs.addBatch({ fromMs, toMs: fromMs + 60_000 }, lines);
});
afterAll(() => lane?.close());

const REASON = ["--reason", "try"];
const YES = [...REASON, "--yes"];

/** Before its first step; its process elsewhere has been silent for an hour. */
function ramp(): void {
  const { store } = lane.sandbox.control;
  const longAgo = Date.now() - 3_600_000;
  const last_updated = new Date().toISOString();
  const base = { ...BASE, last_updated };
  store.put("config", JSON.stringify(base));
  store.put(
    "ramp",
    JSON.stringify(rampOf("20:1s,30", { nowMs: longAgo, base, minNativeRequests: 0 })),
  );
}

/** A stop whose journal entry was refused. */
async function queued(): Promise<void> {
  await run(["not-aus", ...REASON], [], {});
}

async function incident(): Promise<void> {
  await run(["incident", "open", "slow"], granted(["Workers KV Storage: Edit"]), {});
}

/** Visitors, by whom a location shows what it has. */
const visitors = () => lane.sandbox.control.startTraffic({ visitors: 5 });

const WAYS: Record<string, Way> = {
  "not-aus": { words: ["not-aus", ...REASON] },
  "not-aus --via version": {},
  "not-aus --via route": {
    words: ["not-aus", "--via", "route", "--confirm-route", `${HOST}/*`],
  },
  reduce: {},
  disable: {},
  restore: {
    words: ["restore", "--to", "12", ...YES],
    shown: ["restore", "--to", "12", ...REASON, "--dry-run"],
  },
  "ramp start": {
    words: ["ramp", "start", "--plan", "20:1s,30", ...YES],
    refused: { "Account Analytics: Read": 20 },
  },
  "ramp status": { refused: 0 },
  // Nobody hears it: the ramp's process has died.
  "ramp pause": { stage: ramp, code: 21 },
  "ramp resume": {
    words: ["ramp", "resume", ...YES],
    stage: ramp,
    refused: { "Account Analytics: Read": 20 },
  },
  "ramp abort": { stage: ramp },
  status: {},
  watch: { words: ["watch", "--for", "1s"], refused: 0 },
  dashboard: { words: ["dashboard", "--print"], refused: 0 },
  assess: {},
  verify: {},
  "verify --fleet": { stage: visitors },
  validate: { code: 20, refused: { "Workers KV Storage: Edit": 20 } },
  "logs pull": {},
  "logs errors": { code: 20 },
  "logs tail": { words: ["logs", "tail", "--json"], code: 130, until: '"type":"open"' },
  history: { refused: 0 },
  deliver: { stage: queued, refused: 21 },
  "incident open": { words: ["incident", "open", "slow"], refused: 0 },
  "incident note": { words: ["incident", "note", "seen"], stage: incident, refused: 0 },
  "incident message": { words: ["incident", "message", "internal"], stage: incident, refused: 0 },
  "incident close": { stage: incident, refused: 0 },
  "incident list": { refused: 0 },
  explain: {},
  doctor: { refused: 20 },
  "doctor --deep": { refused: { "Workers KV Storage: Edit": 20, "Workers R2 Storage: Edit": 0 } },
  "drill --env": { words: ["drill", "--env", "sandbox", "--yes"], refused: 20 },
  "drill --env --rung": {
    words: ["drill", "--env", "sandbox", "--rung", "stop,version", "--yes"],
    refused: 20,
  },
  card: {},
};

interface Ended {
  code: number | null;
  said: string;
}

async function run(
  words: readonly string[],
  permissions: readonly Permission[],
  { until }: Way,
): Promise<Ended> {
  const token = lane.sandbox.control.createToken({ permissions });
  const stop = new AbortController();
  let out = "";
  const { code, stdout, stderr } = await runHere([...words, "--config", config], {
    // `watch --for` is a time to be waited for, not a limit.
    clock: patientClock(words[0] === "watch" ? 3 : undefined),
    cwd: home,
    env: {
      ...lane.env,
      ...tokenEnv(lane.sandbox),
      ...{ CLOUDFLARE_API_TOKEN: token, HOME: home, XDG_STATE_HOME: join(home, "state") },
    },
    interrupt: stop.signal,
    onOut(chunk) {
      out += chunk;
      if (until !== undefined && out.includes(until)) stop.abort("SIGINT");
    },
  });
  await lane.sandbox.control.stopTraffic();
  return { code, said: `${stdout}\n${stderr}`.replace(/\s+/g, " ") };
}

async function given(
  command: string,
  names: readonly string[],
  words?: readonly string[],
): Promise<Ended> {
  const way = WAYS[command] ?? {};
  await resetLane(lane);
  home = await mkdtemp(join(lane.dir, "home-"));
  const { store } = lane.sandbox.control;
  const left = store.list({ prefix: "journal/", limit: 1_000 }).keys.map(({ name }) => name);
  for (const key of ["ramp", "ramp-control", ...left]) store.delete(key);
  await way.stage?.();
  return run(words ?? way.words ?? command.split(" "), granted(names), way);
}

const missing = (name: string) => `it needs ${name})`;

describe("the table of SECURITY.md", () => {
  it("names every command that may use an account", () => {
    const verbs = new Set(ROWS.map(({ command }) => command.split(" --")[0]));
    expect([...verbs].sort()).toEqual([...commands.map(({ name }) => name), "drill"].sort());
    expect(ROWS.map(({ command }) => command)).toEqual(Object.keys(WAYS));
  });
});

describe.each(ROWS)("$command", ({ command, needs, uses }) => {
  const { code = 0, refused = 23, shown } = WAYS[command] ?? {};

  it(`does its work with exactly: ${needs.join(", ") || "nothing"}`, async () => {
    const ended = await given(command, needs);
    expect(ended.code, ended.said).toBe(code);
    for (const name of needs) expect(ended.said).not.toContain(missing(name));
  });

  it.each(needs)("names what is missing: %s", async (name) => {
    const ended = await given(command, without(needs, name));
    const expected = typeof refused === "number" ? refused : (refused[name] ?? 23);
    expect(ended.said).toContain(missing(name));
    expect(ended.code, ended.said).toBe(expected);
  });

  it.each(uses)("does without, and names: %s", async (name) => {
    const ended = await given(command, without([...needs, ...uses], name), shown);
    expect(ended.said).toContain(missing(name));
    expect(ended.code, ended.said).toBe(code);
    const all = await given(command, [...needs, ...uses], shown);
    expect(all.said).not.toContain("it needs ");
  });
});

it.each(["logs pull", "logs errors"])(
  "%s reads with a token for the bucket's objects alone",
  async (command) => {
    await resetLane(lane);
    home = await mkdtemp(join(lane.dir, "home-"));
    const token: Permission[] = ["Workers R2 Storage Bucket Item Read"];
    const { code, said } = await run(command.split(" "), token, {});
    expect(code, said).toBe(WAYS[command]?.code ?? 0);
  },
);
