/**
 * Sessions stay together: a thousand uploads (intent → upload → finalize) by visitors who keep their
 * cookies, while the share goes up and down, a stop is pulled and released, and the locations see all
 * of it at different times.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ChangingVerb } from "../../src/commands/command.ts";
import { disable } from "../../src/commands/lower/disable.ts";
import { reduce } from "../../src/commands/lower/reduce.ts";
import { pullTheStop } from "../../src/commands/not-aus/not-aus.ts";
import { restore } from "../../src/commands/restore/restore.ts";
import type { Ports } from "../../src/ports/ports.ts";
import type { Sandbox, TrafficReport } from "../../src/sandbox/index.ts";
import { untilLive } from "../support/live.ts";
import { PATIENCE, WORKER_PATIENCE } from "../support/patience.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import { startSandbox } from "../support/sandbox.ts";

const FLOWS_PER_PHASE = 167;

let sandbox: Sandbox;
let ports: Ports;

beforeAll(async () => {
  sandbox = await startSandbox({
    lagMs: { min: 50, max: 900 },
    patience: WORKER_PATIENCE,
    percent: 30,
    rateLimits: false,
    logs: false,
    seed: 7,
  });
  ports = await portsOf(sandbox.description.configPath);
});
afterAll(async () => {
  await sandbox?.close();
});

async function perform(def: unknown, own: Record<string, unknown>): Promise<void> {
  const verb = def as ChangingVerb;
  // How fast native is here says nothing: the machine may be busy.
  const given = { ...GIVEN, force: true, ...own };
  // A busy machine may answer no health check in time; then it is refused, and nothing is written.
  const planned = await vi.waitFor(async () => {
    const next = await verb.plan(given, ports);
    if (next.kind !== "ended") return next;
    throw new Error(`${verb.name} ended: ${JSON.stringify(next.outcome)}`);
  }, PATIENCE);
  const outcome = await verb.apply(planned.steps, given, ports);
  expect(outcome.kind, `${verb.name}: ${JSON.stringify(outcome)}`).toBe("done");
}

function unanswered(failed: Record<string, number>): number {
  const steps = Object.entries(failed).filter(([step]) => step.endsWith(" 0"));
  return steps.reduce((all, [, count]) => all + count, 0);
}

/** Uploads run before, during and after the change. */
function whileUploading(change: () => Promise<void>): Promise<TrafficReport> {
  const flows = sandbox.control.runUploadFlows({
    count: FLOWS_PER_PHASE,
    concurrency: 24,
    flowsPerVisitor: 3,
    thinkMs: 15,
  });
  return Promise.all([flows, change()]).then(([report]) => report);
}

describe("sessions while the state changes", () => {
  it("no visitor whose cohort stayed loses an upload; those a stop moved are counted", async () => {
    const reports = [
      await whileUploading(() => perform(restore, { to: 60 })),
      await whileUploading(async () => expect((await pullTheStop(GIVEN, ports)).kind).toBe("done")),
      await whileUploading(() => perform(restore, { to: 50 })),
      await whileUploading(() => perform(reduce, { to: 20 })),
      await whileUploading(() => perform(disable, {})),
      await whileUploading(() => perform(restore, { to: 100 })),
    ];
    const sum = (pick: (report: TrafficReport) => number) =>
      reports.reduce((all, report) => all + pick(report), 0);
    const figures = {
      flows: sum((r) => r.flows.started),
      completed: sum((r) => r.flows.completed),
      drifts: sum((r) => r.flows.drifts),
      moved: sum((r) => r.flows.moved.ok + r.flows.moved.broken),
      movedBroken: sum((r) => r.flows.moved.broken),
      // What a busy machine does: native ran into a limit and proxy answered, or nobody answered.
      fellBackBroken: sum((r) => r.flows.fellBack.broken),
      unanswered: sum((r) => unanswered(r.flows.failed)),
      native: sum((r) =>
        Object.values(r.requests.byCohort.native ?? {}).reduce((a, b) => a + b, 0),
      ),
      failed: reports.map((r) => r.flows.failed),
    };
    console.log(`sessions: ${JSON.stringify(figures)}`);
    expect(figures.flows).toBe(6 * FLOWS_PER_PHASE);
    expect(figures.drifts).toBe(0);
    const busy = figures.fellBackBroken + figures.unanswered;
    expect(figures.completed).toBe(figures.flows - figures.movedBroken - busy);
    expect(busy).toBeLessThanOrEqual(figures.flows / 100);
    // Not vacuous: native served many, and the stop did catch some in the middle.
    expect(figures.native).toBeGreaterThan(250);
    expect(figures.moved).toBeGreaterThan(0);
  });

  it("visitors who do not keep their cookie do lose uploads: the cookie is what holds", async () => {
    const half = {
      canary_percent: 50,
      canary_tag: "B2a",
      emergency_proxy: false,
      last_updated: new Date(Date.now() + 60_000).toISOString(),
    };
    sandbox.control.store.put("config", JSON.stringify(half));
    sandbox.control.setKv({ catchUp: true });
    // Isolates that still go by the 100 % from above would hold every upload together.
    await untilLive(sandbox.description, { percent: 50 });
    const report = await sandbox.control.runUploadFlows({ count: 60, keepCookies: false });
    expect(report.flows.completed).toBeLessThan(report.flows.started);
  });
});
