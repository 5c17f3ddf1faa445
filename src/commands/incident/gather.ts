/** Everything that a report tells of an incident, gathered side by side and within its limits. Never throws. */

import { GUARDIAN_KEY, parseGuardian } from "../../domain/guardian/document.ts";
import type { Chart } from "../../domain/incident/chart.ts";
import { errorRateChart, shareChart } from "../../domain/incident/curves.ts";
import type { IncidentFacts } from "../../domain/incident/facts.ts";
import { impactOf } from "../../domain/incident/impact.ts";
import { changesIn, type Incident, spanOf } from "../../domain/incident/incident.ts";
import { timelineOf } from "../../domain/incident/timeline.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { requestsByCohort, type Window } from "../../domain/metrics/queries.ts";
import { visitorsByCohort } from "../../domain/metrics/window-queries.ts";
import { parseTold } from "../../domain/notices/changes.ts";
import { caughtWindows } from "../../domain/policy/caught-intents.ts";
import { reductionsOf } from "../../domain/policy/observations.ts";
import type { PolicyOverWindow, WindowPlan } from "../../domain/policy/window.ts";
import { MAX_BUCKETS, overWindow, planWindow } from "../../domain/policy/window.ts";
import type { Ports } from "../../ports/ports.ts";
import { askOf } from "../lib/ask-metrics.ts";
import { durationText } from "../lib/format.ts";
import { READ_LIMIT_MS } from "../lib/stored-state.ts";
import { askWindow, type WindowMetrics } from "../lib/window-metrics.ts";
import type { Known } from "./known.ts";
import { readErrors } from "./read-errors.ts";

/** In buckets of the policy: what led to it, and what became of it. */
const LEAD = 15;
const TRAIL = 5;

export interface Wanted {
  incident: Incident;
  known: Known;
  endMs: number;
  /** Pulled logs; null: none were named. */
  logs: string | null;
}

export interface Gathered {
  facts: Omit<IncidentFacts, "charts">;
  charts: DrawnChart[];
}

export interface DrawnChart {
  title: string;
  /** What its file's name ends with. */
  suffix: string;
  /** Null: `because` says why there is none. */
  svg: string | null;
  because: string;
}

export async function gatherFacts(
  ports: Ports,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Gathered> {
  const { incident, known, endMs, logs } = wanted;
  const plan = planOf(ports, incident, endMs);
  const span = spanOf(incident.begunMs, endMs);
  const ask = askOf(ports.metrics, signal);
  const [requests, visitors, judged, guardian, errors] = await Promise.all([
    ask((dataset) => requestsByCohort(dataset, span)),
    ask((dataset) => visitorsByCohort(dataset, span)),
    plan === null ? null : judge(ports, plan, known, signal),
    guardianNotice(ports, signal),
    readErrors(ports, { logs, known, ...windowMs(plan, span) }, signal),
  ]);
  const changes = changesIn(known.entries, incident, endMs);
  const policyGap =
    judged === null
      ? `it lasted longer than ${durationText(MAX_BUCKETS * ports.target.policy.bucketSeconds)}`
      : judged.gap;
  const timeline = timelineOf({
    incident,
    changes,
    guardian: guardian !== null && isWithin(guardian.since, plan) ? guardian : null,
    rules: judged?.policy.rules ?? [],
    judgedUntilS: plan?.window.toS ?? 0,
  });
  const { env: environment, canaryTag: tag } = ports.target;
  const impact = impactOf(requests, visitors);
  return {
    facts: {
      ...{ incident, environment, tag, endMs, timeline, changes, impact, errors, policyGap },
      journalGap: known.gap,
    },
    charts: await chartsOf(ports, wanted, plan, judged?.metrics ?? null),
  };
}

/** Null when it is longer than can be judged. */
function planOf({ clock, target }: Ports, { begunMs }: Incident, endMs: number): WindowPlan | null {
  const { policy } = target;
  const { bucketSeconds, settleSeconds } = policy;
  const afterS = Math.floor(endMs / 1_000) + TRAIL * bucketSeconds + settleSeconds;
  const nowS = Math.min(Math.floor(clock.now() / 1_000), afterS);
  const lengthS = Math.max(0, nowS - begunMs / 1_000) + LEAD * bucketSeconds;
  return planWindow(nowS, policy, lengthS);
}

/** Errors begin before anyone opens an incident. */
function windowMs(plan: WindowPlan | null, { fromS, toS }: Window) {
  return { fromMs: Math.min(plan?.window.fromS ?? fromS, fromS) * 1_000, toMs: toS * 1_000 };
}

function isWithin(since: string, plan: WindowPlan | null): boolean {
  const atS = Date.parse(since) / 1_000;
  return plan !== null && atS >= plan.window.fromS && atS <= plan.nowS;
}

interface Judged {
  metrics: WindowMetrics;
  policy: PolicyOverWindow;
  gap: string | null;
}

async function judge(
  ports: Ports,
  plan: WindowPlan,
  { entries, gap }: Known,
  signal: AbortSignal,
): Promise<Judged> {
  const metrics = await askWindow(ports, plan, signal);
  const { policy } = ports.target;
  const caught = caughtWindows(entries, plan.nowS, policy);
  const lastReductionS = reductionsOf(entries, gap);
  const unseen = [metrics.health, metrics.failures].find(({ kind }) => kind === "unseen");
  return {
    metrics,
    policy: overWindow(plan, { ...metrics, caught, lastReductionS }, policy),
    gap: unseen?.kind === "unseen" ? unseen.because : null,
  };
}

/** What is still open; the guardian keeps no other. Null also where it could not be read. */
async function guardianNotice(
  { clock, documents }: Ports,
  signal: AbortSignal,
): Promise<{ since: string; level: string } | null> {
  const limit = anySignal([clock.timeout(READ_LIMIT_MS), signal]);
  const text = await documents.get(GUARDIAN_KEY, { signal: limit }).catch(() => null);
  return parseTold(parseGuardian(text)?.told ?? null);
}

async function chartsOf(
  { target }: Ports,
  { incident, known, endMs }: Wanted,
  plan: WindowPlan | null,
  metrics: WindowMetrics | null,
): Promise<DrawnChart[]> {
  // Loaded when it is used: no other command pays for it.
  const { chartSvg } = await import("../../domain/incident/chart.ts");
  const health = metrics?.health ?? null;
  const rows = health?.kind === "seen" ? health.value : null;
  const why = health?.kind === "unseen" ? health.because : "nothing was measured in that time";
  const draw = (title: string, suffix: string, chart: Chart | null, because: string) => ({
    ...{ title, suffix, because },
    svg: chart === null ? null : chartSvg(chart),
  });
  if (plan === null) {
    const because = "it lasted too long for one chart";
    return [draw("Error rate", "error-rate", null, because), draw("Share", "share", null, because)];
  }
  const { window } = plan;
  const { bucketSeconds } = target.policy;
  const toMs = Math.max(window.toS * 1_000, endMs);
  const { entries } = known;
  const given = { incident: incident.id, window, toMs, bucketSeconds, rows, entries };
  return [
    draw("Error rate by cohort", "error-rate", errorRateChart(given), why),
    draw("Share of native", "share", shareChart(given), "no share is known of that time"),
  ];
}
