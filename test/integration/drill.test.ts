/**
 * Drills in the real sandbox: each fault is what it says, is detected by the policy through the metrics, stopped by
 * the very command or by the guardian, proved and restored. How long that takes here is not what is tested.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faultStageOf, rehearsalOf } from "../../src/cli/tools/drill-stage.ts";
import { performFaults } from "../../src/commands/drill/faults.ts";
import { performDrill } from "../../src/commands/drill.ts";
import { notAus } from "../../src/commands/not-aus/not-aus.ts";
import { WRITE_SHARE } from "../../src/commands/not-aus/write-and-prove.ts";
import { FAULTS, faultsOf } from "../../src/domain/drill/faults.ts";
import { type DrillReport, readDrill } from "../../src/domain/drill/report.ts";
import { anySignal, unlessAborted } from "../../src/domain/lib/abort.ts";
import { labelOf } from "../../src/domain/policy/rules.ts";
import type { Clock } from "../../src/ports/machine.ts";
import type { Ports } from "../../src/ports/ports.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { PLAIN_ENV } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { HANG_MS, WORKER_PATIENCE } from "../support/patience.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";

const NO_LAG = { min: 0, max: 0 };
const LONGEST_PAUSE_MS = 500;

let sandbox: Sandbox;
let ports: Ports;
let folder: string;
let doing = "starting";
beforeAll(async () => {
  await ensureBundle();
  sandbox = await startSandbox({
    lagMs: NO_LAG,
    percent: 50,
    rateLimits: false,
    patience: WORKER_PATIENCE,
    logs: false,
    qaMetrics: true,
    vars: { GUARDIAN: "enforce" },
  });
  ports = await drillPorts();
  folder = await mkdtemp(join(tmpdir(), "pixcanary-drill-"));
});
afterAll(async () => {
  await sandbox?.close();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Patient, with shorter pauses. The stop that cannot be seen gets its time limit at once, when it is stored and each
 * location was seen without it: more would not be known later.
 */
async function drillPorts(): Promise<Ports> {
  const own = [notAus.timeoutMs, notAus.timeoutMs * WRITE_SHARE];
  const patient = patientClock();
  const limits = new Set<AbortController>();
  const blind = new Set<string>();
  const clock: Clock = {
    ...patient,
    sleep: (ms, signal) => patient.sleep(Math.min(ms, LONGEST_PAUSE_MS), signal),
    timeout(ms) {
      if (!own.includes(ms)) return patient.timeout(ms);
      const limit = new AbortController();
      limits.add(limit);
      blind.clear();
      return anySignal([limit.signal, patient.timeout(ms)]);
    },
  };
  const real = await portsOf(sandbox.description.configPath, "sandbox", {}, clock);
  const stage: typeof real.progress.stage = (seen) => {
    if (seen.kind === "waiting") blind.add(seen.location);
    if (seen.kind === "stored") blind.add("stored");
    if (blind.size <= real.qa.urls.length) return;
    for (const limit of limits) limit.abort();
    limits.clear();
  };
  const note: typeof real.progress.note = (text) => {
    doing = text;
  };
  return { ...real, progress: { ...real.progress, stage, note } };
}

test("each fault is what it says, and ends with its repair", async () => {
  const stage = faultStageOf(sandbox, NO_LAG);
  const { control } = sandbox;
  const before = control.state();
  for (const { native, way } of FAULTS) {
    await stage.breakNative(native);
    if (way !== null) await stage.breakWay(way);
    const { native: broken, api, kv } = control.state();
    const seen = {
      errors: broken.errorShare > 0,
      latency: broken.addedLatencyMs > 0,
      r2: broken.r2Down,
      database: broken.databaseDown,
      "kv-outage": kv.locations.FRA?.mode === "throw",
      "lagging-location": kv.locations.IAD?.lagMs?.min === 6_000,
      ...Object.fromEntries(api.faults.map(({ rule }) => [rule.kind, true])),
    };
    const kinds = { "api-429": "rate-limited", "slow-stop": "delay" } as Record<string, string>;
    const expected = [native, ...(way === null ? [] : [kinds[way] ?? way])];
    const found = Object.entries(seen).flatMap(([name, isOn]) => (isOn ? [name] : []));
    expect(found.sort()).toEqual(expected.sort());
    await stage.clearWay();
    await stage.heal();
    const after = control.state();
    expect(after).toMatchObject({ native: before.native, api: { faults: [] } });
    for (const { mode, lagMs } of Object.values(after.kv.locations)) {
      expect([mode, lagMs]).toEqual(["normal", NO_LAG]);
    }
  }
});

describe("the report of a drill of all faults", () => {
  const MEASURED = ["detect", "decide", "written", "stored", "live", "effective", "restored"];
  const UNMEASURED: Record<string, string[]> = {
    // The guardian's write is its own affair.
    automatic: ["written"],
  };
  const ALL = faultsOf(["all"]) ?? [];
  let report: DrillReport | "unknown" | undefined;
  beforeAll(async () => {
    const out = join(folder, "all");
    const own = { fault: ALL, interactive: false, out, report: true };
    const faults = faultStageOf(sandbox, NO_LAG);
    const stage = { faults, rehearsal: rehearsalOf(sandbox), keyboard: null };
    const drill = performDrill(own, GIVEN, ports, stage);
    await unlessAborted(drill, AbortSignal.timeout(1.5 * HANG_MS), () => {
      throw new Error(`the drill hangs after: ${doing}`);
    });
    const json = (await readdir(out)).find((name) => name.endsWith(".json")) ?? "";
    report = readDrill(await readFile(join(out, json), "utf8"));
  });

  test("has a part for each, and no step that failed", () => {
    expect(report).toMatchObject({ steps: [] });
    const { rehearsals } = report as DrillReport;
    expect(rehearsals.map(({ fault }) => fault)).toEqual(ALL.map(({ name }) => name));
  });

  test.each(ALL)("$name: $what", ({ name, pends, finding }) => {
    const { rehearsals } = report as DrillReport;
    const one = rehearsals.find(({ fault }) => fault === name);
    expect(one).toMatchObject({ problem: null, advice: "not-aus" });
    expect(one?.finding).toContain(labelOf(finding));
    expect(one?.notes).toContainEqual(expect.stringContaining("repeated over the 12 min"));
    expect(one?.page?.text).toContain("sandbox: ");
    const stages = one?.stages ?? [];
    expect(stages.map(({ stage }) => stage)).toEqual(MEASURED);
    const unmeasured = stages.flatMap(({ stage, ms }) => (ms === null ? [stage] : []));
    expect(unmeasured).toEqual(UNMEASURED[name] ?? []);
    expect(one?.pending).toBeNull();
    if (pends) expect(one?.notes).toContain("KV showed no location the stop: the beacon did");
  });
});

test("a stop that is slow on purpose fails, and its stage is named", async () => {
  const faults = faultsOf(["slow-stop"]) ?? [];
  const targets = { manual: { written: 10_000 }, automatic: {} };
  const stage = faultStageOf(sandbox, NO_LAG);
  expect(await performFaults(GIVEN, ports, stage, { faults, targets })).toMatchObject({
    kind: "unhealthy",
    reason: expect.stringMatching(/^slow-stop: too slow: written [\d.]+ s, target 10\.0 s; /),
  });
});

test("in a named environment: measured the same way, with report and date", async () => {
  await writeFile(join(folder, "RUNBOOK.md"), "**Last tested:** ________ by ________\n");
  const words = ["drill", "--config", sandbox.description.configPath, "--env", "sandbox", "--json"];
  const given = { env: { ...PLAIN_ENV, HOME: folder }, cwd: folder, clock: patientClock() };
  const { store } = sandbox.control;
  const stored = () => ["config", "stop"].map((key) => store.text(key));
  const before = stored();
  const unasked = await runHere(words, given);
  expect([unasked.code, JSON.parse(unasked.stdout).next]).toEqual([
    22,
    `pixcanary ${words.join(" ")} --yes`,
  ]);
  expect(stored()).toEqual(before);
  const run = await runHere([...words, "--yes"], given);
  const document = JSON.parse(run.stdout);
  const [json = "", markdown = ""] = (await readdir(join(folder, "docs/DRILLS"))).sort();
  expect(`${document.file}.json`).toBe(`docs/DRILLS/${json}`);
  const report = readDrill(await readFile(join(folder, "docs/DRILLS", json), "utf8"));
  expect(report).toMatchObject({ env: "sandbox", rehearsals: document.rehearsals });
  expect(document.rehearsals[0].stages.map(({ ms }: { ms: number | null }) => ms !== null)).toEqual(
    [false, false, true, true, true, true, true],
  );
  expect(await readFile(join(folder, "docs/DRILLS", markdown), "utf8")).toContain("| effective |");
  const dated = (await readFile(join(folder, "RUNBOOK.md"), "utf8")).includes("(sandbox) by ");
  expect(dated).toBe(run.code === 0);
});
