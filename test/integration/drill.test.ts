/**
 * Drills in the real sandbox: each fault is what it says, is detected by the policy through the metrics, stopped by
 * the very command or by the guardian, proved and restored. How long that takes here is not what is tested.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClock } from "../../src/adapters/clock.ts";
import { faultStageOf } from "../../src/cli/tools/drill-stage.ts";
import { performFaults } from "../../src/commands/drill/faults.ts";
import { notAus } from "../../src/commands/not-aus/not-aus.ts";
import { WRITE_SHARE } from "../../src/commands/not-aus/write-and-prove.ts";
import { FAULTS, faultsOf } from "../../src/domain/drill/faults.ts";
import { readDrill } from "../../src/domain/drill/report.ts";
import type { Targets } from "../../src/domain/drill/stages.ts";
import { labelOf } from "../../src/domain/policy/rules.ts";
import type { Clock } from "../../src/ports/machine.ts";
import type { Ports } from "../../src/ports/ports.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { PLAIN_ENV } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { WORKER_PATIENCE } from "../support/patience.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";

const NO_LAG = { min: 0, max: 0 };

let sandbox: Sandbox;
let ports: Ports;
let folder: string;
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
  ports = await portsOf(sandbox.description.configPath, "sandbox", {}, drillClock());
  folder = await mkdtemp(join(tmpdir(), "pixcanary-drill-"));
});
afterAll(async () => {
  await sandbox?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Patient, but for a stop that is to be given up as pending. */
function drillClock(): Clock {
  const [clock, patient] = [createClock(), patientClock()];
  const own = [notAus.timeoutMs, notAus.timeoutMs * WRITE_SHARE];
  return { ...patient, timeout: (ms) => (own.includes(ms) ? clock : patient).timeout(ms) };
}

async function rehearse(name: string, manual: Targets) {
  const faults = faultsOf([name]) ?? [];
  const stage = faultStageOf(sandbox, NO_LAG);
  const targets = { manual, automatic: {} };
  const outcome = await performFaults(GIVEN, ports, stage, { faults, targets });
  if (!("data" in outcome) || outcome.data === undefined) throw new Error(outcome.kind);
  const [one] = outcome.data.rehearsals;
  const ms = Object.fromEntries(one?.stages.map(({ stage, ms }) => [stage, ms]) ?? []);
  return { outcome, one, ms, rule: faults[0]?.finding };
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

/** Those that take a way of their own; the others differ in what is broken alone. */
const REHEARSED = ["latency", "database", "kv-outage", "lost-answer", "automatic"];

describe("each fault is detected, stopped and restored", () => {
  const MEASURED = ["detect", "decide", "written", "stored", "live", "effective", "restored"];
  const UNMEASURED: Record<string, string[]> = {
    // The outage lasts as long as the drill lets it; the guardian's write is its own affair.
    "kv-outage": ["effective"],
    automatic: ["written"],
  };

  test.each(faultsOf(REHEARSED) ?? [])("$name: $what", async ({ name, pends }) => {
    const { outcome, one, ms, rule } = await rehearse(name, {});
    expect(outcome, JSON.stringify(outcome)).toMatchObject({ kind: "done" });
    expect(one?.finding).toContain(labelOf(rule ?? "error_rate_critical"));
    expect(one?.notes).toContainEqual(expect.stringContaining("repeated over the 12 min"));
    expect(one?.page?.text).toContain("sandbox: ");
    const unmeasured = MEASURED.filter((stage) => ms[stage] === null);
    expect(unmeasured).toEqual(UNMEASURED[name] ?? []);
    // A location whose last look was cut off goes by its address.
    if (pends) expect(one?.pending).toMatch(/^[^;]+: [^;]+; [^;]+: [^;]+; [^;]+: [^;]+$/);
    else expect(one?.pending).toBeNull();
  });

  test("a stop that is slow on purpose fails, and its stage is named", async () => {
    const { outcome } = await rehearse("slow-stop", { written: 10_000 });
    expect(outcome).toMatchObject({
      kind: "unhealthy",
      reason: expect.stringMatching(/^slow-stop: too slow: written [\d.]+ s, target 10\.0 s; /),
    });
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
