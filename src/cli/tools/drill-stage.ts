/** The sandbox as a stage for drills: what each fault is there, and how the past is made. */

import * as z from "zod";
import type { NativeFault, WayFault } from "../../domain/drill/faults.ts";
import { GUARDIAN_KEY } from "../../domain/guardian/document.ts";
import { parseStop, STOP_KEY } from "../../domain/state/documents.ts";
import type { FaultStage, Page } from "../../ports/fault-stage.ts";
import type { Rehearsal, TrafficCounts } from "../../ports/visitors.ts";
import type { CaughtPoint, FaultRuleInput, Sandbox, TrafficReport } from "../../sandbox/index.ts";

/** Real enough to wait for, short enough for a coffee break. */
export const DRILL_LAG_MS = { min: 200, max: 2_000 };
const VISITORS = { visitors: 40, ratePerS: 60 };

/** So many requests of native, and so many failures of the part that is down, are a sample of what the fault does. */
const SAMPLE = { requests: 40, failures: 6 };
/** Every rule's window but that of intents, and what a bucket takes to settle. */
const PAST_MINUTES = 12;
/** The latency rules ask for 100 of each cohort. */
const PER_MINUTE = 120;
const MINUTE_MS = 60_000;

type Control = Sandbox["control"];

const NATIVE: Record<NativeFault, Parameters<Control["setNative"]>[0]> = {
  errors: { errorShare: 0.5 },
  latency: { addedLatencyMs: 1_000 },
  r2: { r2Down: true },
  database: { databaseDown: true },
};

const STOP_WRITE = { method: "PUT", pathContains: "/values/stop" };

const API: Partial<Record<WayFault, FaultRuleInput>> = {
  "api-429": { kind: "rate-limited", retryAfterS: 1, times: 2, match: { method: "PUT" } },
  "lost-answer": { kind: "lost-answer", times: 1, match: STOP_WRITE },
  "slow-stop": { kind: "delay", ms: 7_000, match: STOP_WRITE },
};

export function rehearsalOf({ control }: Sandbox): Rehearsal {
  return {
    startVisitors: () => control.startTraffic(VISITORS),
    stopVisitors: async () => countsOf(await control.stopTraffic()),
    counts: () => countsOf(control.trafficReport()),
    settled: () => control.trafficSettled(),
    failNative: async (errorShare) => control.setNative({ errorShare }),
  };
}

/** `lagMs`: what the sandbox was started with, to go back to. */
export function faultStageOf({ control, description }: Sandbox, lagMs = DRILL_LAG_MS): FaultStage {
  const colos = description.locations.map(({ colo }) => colo);
  let broken: NativeFault = "errors";
  let stoppedAt: number | null = null;
  /** Since when there are points of this fault; null: they were not repeated over the past. */
  let pastFromMs: number | null = null;
  control.store.onWrite(({ key }) => {
    if (key === STOP_KEY && isActive(control.store.text(STOP_KEY))) stoppedAt ??= Date.now();
  });
  const forgetMetrics = (): Promise<void> => {
    pastFromMs = null;
    return control.forgetPoints();
  };
  return {
    startVisitors: () => control.startTraffic(VISITORS),
    stopVisitors: async () => countsOf(await control.stopTraffic()),
    forgetMetrics,
    async breakNative(fault) {
      broken = fault;
      stoppedAt = null;
      control.forgetNotices();
      control.setNative(NATIVE[fault]);
      await forgetMetrics();
    },
    backdate() {
      const nowMs = Date.now();
      const note = backdate(control, broken, nowMs);
      if (note !== null) {
        pastFromMs = nowMs - PAST_MINUTES * MINUTE_MS;
        backdateGuardian(control, pastFromMs);
      }
      return note;
    },
    async breakWay(fault) {
      const rule = API[fault];
      if (rule !== undefined) await control.addFault(rule);
      if (fault === "kv-outage") control.setKv({ reads: "throw" });
      const location = colos.at(-1);
      if (fault === "lagging-location" && location !== undefined) {
        control.setKv({ location, lagMs: { min: 6_000, max: 6_000 } });
      }
    },
    async clearWay() {
      await control.clearFaults();
      control.setKv({ reads: "normal" });
      // A location's own lag outlasts that of all.
      for (const location of colos) control.setKv({ location, lagMs });
    },
    heal: () => control.heal(),
    async tick() {
      await control.runScheduled(colos[0] ?? "");
      // What people did for the fault before may reach it, or the journal, only now: it would begin anew.
      if (pastFromMs !== null) backdateGuardian(control, pastFromMs);
    },
    page: () => pageIn(control),
    stoppedAt: () => stoppedAt,
  };
}

/** What the fault's requests wrote is repeated over the minutes before; the guardian has seen these, too. */
function backdate(control: Control, fault: NativeFault, nowMs: number): string | null {
  const points = control.points();
  // As the policy counts them: a route without a native handler is nobody's merit.
  const requests = points.filter(
    ({ blobs: [kind, , phase] }) => kind === "request" && phase !== "proxy",
  );
  const ofCohort = (wanted: string) => requests.filter(({ blobs }) => blobs[1] === wanted).length;
  const part = { errors: null, latency: null, r2: "r2_failure", database: "db_failure" }[fault];
  const failures = points.filter(({ blobs: [kind] }) => kind === part);
  const fewest = Math.min(ofCohort("native"), ofCohort("proxy"));
  if (fewest < SAMPLE.requests || (part !== null && failures.length < SAMPLE.failures)) return null;
  const times = Math.ceil(PER_MINUTE / fewest);
  for (let minute = 1; minute <= PAST_MINUTES; minute += 1) {
    control.addPoints(
      Array.from({ length: times }, () => points).flatMap((all) =>
        spread(all, nowMs - minute * MINUTE_MS),
      ),
    );
  }
  return (
    `the rule judges whole minutes: the ${points.length} data points that visitors' requests wrote under the fault ` +
    `were repeated over the ${PAST_MINUTES} min before it, so "detect" does not include the rule's minutes`
  );
}

/** Over one minute. */
function spread(points: readonly CaughtPoint[], fromMs: number) {
  return points.map(({ indexes, blobs, doubles }, nth) => ({
    atMs: fromMs + Math.floor((nth * MINUTE_MS) / points.length),
    indexes,
    blobs,
    doubles,
  }));
}

/** It acts on nothing that is older than what people did last. */
function backdateGuardian(control: Control, atMs: number): void {
  const text = control.store.text(GUARDIAN_KEY);
  if (text === null) return;
  const known = JSON.parse(text);
  if (known.since === null) return;
  const since = { ...known.since, at: new Date(atMs).toISOString() };
  control.store.put(GUARDIAN_KEY, JSON.stringify({ ...known, since }));
  control.setKv({ catchUp: true });
}

function isActive(text: string | null): boolean {
  const stop = parseStop(text);
  return stop.kind === "valid" && stop.value.active;
}

const pageSchema = z.object({
  payload: z.object({
    summary: z.string(),
    custom_details: z.object({ details: z.array(z.string()), next: z.string().nullable() }),
  }),
});

/** What closes an incident has no payload. */
function pageIn(control: Control): Page | null {
  const pages = control.notices().arrived.flatMap(({ channel, atMs, body }) => {
    const { data } = pageSchema.safeParse(body);
    if (channel !== "pagerduty" || data === undefined) return [];
    const { summary: text, custom_details: more } = data.payload;
    const next = more.next === null ? [] : [`next: ${more.next}`];
    return [{ text, details: [...more.details, ...next], atMs }];
  });
  return pages.at(-1) ?? null;
}

function countsOf(report: TrafficReport): TrafficCounts {
  const { byCohort, total } = report.requests;
  const sum = (cohort: string, wanted: (status: number) => boolean) =>
    Object.entries(byCohort[cohort] ?? {})
      .filter(([status]) => wanted(Number(status)))
      .reduce((all, [, count]) => all + count, 0);
  const bad = (status: number) => status === 0 || status >= 500;
  return {
    total,
    native: sum("native", () => true),
    proxy: sum("proxy", () => true),
    errors: Object.keys(byCohort).reduce((all, cohort) => all + sum(cohort, bad), 0),
    drifts: report.flows.drifts,
    moved: report.flows.moved,
    uploads: report.flows.started,
  };
}
