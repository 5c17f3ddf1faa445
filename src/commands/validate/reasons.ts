/** From what was gathered to the reasons for GO or NO-GO, the most urgent first. */

import type { Target } from "../../domain/config/environment.ts";
import type { Judged, Reason } from "../../domain/policy/go-no-go.ts";
import {
  coverageOf,
  heldOf,
  sampleOf,
  shareJudged,
  targetsOf,
  worstOf,
} from "../../domain/policy/go-no-go.ts";
import { prerequisites } from "../../domain/policy/prerequisites.ts";
import type { Quiet } from "../../domain/policy/stops-in-window.ts";
import type { WindowPlan } from "../../domain/policy/window.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { counted, isoSeconds } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Check } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";
import type { LiveProof } from "../lib/prove-live.ts";
import { isLive } from "../lib/prove-live.ts";
import type { SmokeReport } from "../smoke/checks.ts";
import type { Parts } from "./gather.ts";
import { policyJudged, policyNext } from "./policy.ts";

interface Limits {
  minRequests: number;
  minCoverage: number;
}

export interface Examination {
  parts: Parts;
  plan: WindowPlan;
  limits: Limits;
  /** Whether the smoke checks were wanted. */
  smoke: boolean;
}

/** Each but `time at share` is required. */
export function reasonsFor(seen: Examination, { target }: Pick<Ports, "target">): Reason[] {
  const command = (words: string): string => invocation(target, words);
  const again = `${command("validate")}   # after more traffic`;
  const { parts, plan, limits } = seen;
  const [native, proxy] = healthOf(parts);
  return [
    reason("doctor", doctorJudged(parts.doctor.checks), firstFix(parts.doctor.checks)),
    reason("live", liveJudged(parts), command("verify")),
    reason("native ping", native, command("logs errors --since 30m --cohort native")),
    reason("proxy ping", proxy, command("status")),
    smokeReason(seen, command("verify --smoke")),
    reason("policy", policyJudged(parts.policy, plan, target), policyNext(parts, plan, target)),
    targetsReason(seen, target, again),
    reason("native sample", sampleOf(parts.policy, limits.minRequests), again),
    reason("coverage", coverageOf(parts.policy.coverage, limits.minCoverage), again),
    reason("achieved share", shareJudged(parts.share), command("verify --fleet")),
    reason("no stop", quietJudged(parts.quiet), quietNext(parts, target)),
    { ...reason("time at share", heldJudged(seen), null), required: false },
  ];
}

function reason(name: string, judged: Judged, next: string | null): Reason {
  return { name, ...judged, required: true, next: judged.verdict === "pass" ? null : next };
}

function doctorJudged(checks: readonly Check[]): Judged {
  const looked = checks.filter(({ result }) => result !== "skip");
  const failed = checks.filter(({ result }) => result === "fail");
  const warned = checks.filter(({ result }) => result === "warn");
  const warnings = warned.length === 0 ? "" : `, ${warned.length} with a warning`;
  return {
    verdict: failed.length > 0 ? "fail" : "pass",
    figures: `${looked.length - failed.length} of ${counted(looked.length, "check")}${warnings}`,
    details: [...failed, ...warned].map(({ name, detail }) => `${name}: ${detail}`),
  };
}

function firstFix(checks: readonly Check[]): string | null {
  return checks.find(({ result }) => result === "fail")?.fix ?? null;
}

function liveJudged({ base, live }: Parts): Judged {
  if (!("state" in base)) return { verdict: "no_data", figures: base.message, details: [] };
  if (live === null) return { verdict: "no_data", figures: "not checked", details: [] };
  const { config } = base.state;
  const percent = config.kind === "valid" ? `${config.value.canary_percent} %` : "no config";
  const stored = isEmergency(base.state) ? "the emergency" : percent;
  return {
    verdict: isLive(live) ? "pass" : "fail",
    figures: `${stored} at ${live.live.length} of ${live.live.length + live.missing.length} /qa`,
    details: missingOf(live),
  };
}

function missingOf({ missing }: LiveProof): string[] {
  return missing.map(({ location, because }) => `${location}: ${because}`);
}

/** Proxy as well: it is where a stop of the next stage would send everybody. */
function healthOf({ doctor }: Parts): [Judged, Judged] {
  const [native, proxy] = prerequisites(doctor.sightings, []).map(({ verdict, detail }) => ({
    verdict,
    figures: detail,
    details: [],
  }));
  const unknown: Judged = { verdict: "no_data", figures: "not checked", details: [] };
  return [native ?? unknown, proxy ?? unknown];
}

function smokeReason({ parts, smoke: wanted }: Examination, next: string): Reason {
  const name = "smoke checks";
  if (!wanted) {
    const left = { verdict: "no_data" as const, figures: "skipped (--no-smoke)", details: [] };
    return { ...reason(name, left, null), required: false };
  }
  if (parts.smoke === null) {
    return reason(name, { verdict: "no_data", figures: "not run", details: [] }, next);
  }
  return reason(name, smokeJudged(parts.smoke), next);
}

/** Chance must not decide: a cohort that nobody was drawn to is told of, and stands in no way. */
export function smokeJudged({ checks, cohorts }: SmokeReport): Judged {
  const open = checks.filter(({ verdict }) => verdict !== "pass");
  const served = cohorts.length === 0 ? "" : `, served by ${cohorts.join(" and ")}`;
  return {
    verdict: worstOf(checks.filter(({ unmet }) => unmet === undefined).map((c) => c.verdict)),
    figures: `${checks.length - open.length} of ${counted(checks.length, "check")}${served}`,
    details: open.map(({ name, verdict, detail }) =>
      verdict === "fail" ? `${name}: ${detail}` : `${name}: ${verdict}: ${detail}`,
    ),
  };
}

function targetsReason({ parts, limits }: Examination, target: Target, again: string): Reason {
  const { series } = parts.metrics;
  const rows = series.kind === "seen" ? series.value : [];
  const judged = targetsOf(parts.policy, rows, target.policy, limits.minRequests);
  const why = series.kind === "unseen" ? [series.because] : judged.details;
  const next = judged.verdict === "fail" ? invocation(target, "assess") : again;
  return reason("targets", { ...judged, details: why }, next);
}

const SHOWN = 5;

function quietJudged({ verdict, disturbances, unseen }: Quiet): Judged {
  const signs = disturbances.map(({ atS, what }) => `${timeText(atS)}: ${what}`);
  const more = signs.length > SHOWN ? [`and ${signs.length - SHOWN} more`] : [];
  const figures = { pass: "no stop, no automatic action", fail: "a stop or an automatic action" };
  return {
    verdict,
    figures: verdict === "pass" || verdict === "fail" ? figures[verdict] : "unknown",
    details: [...signs.slice(0, SHOWN), ...more, ...unseen],
  };
}

function timeText(atS: number | null): string {
  return atS === null ? "at an unknown time" : isoSeconds(atS * 1_000);
}

export function quietNext({ base }: Parts, target: Target): string {
  const on = "state" in base && isEmergency(base.state);
  if (!on) return invocation(target, "history");
  return `${invocation(target, "restore")} --reason "…"   # when the cause is fixed`;
}

function heldJudged({ parts: { base, entries }, plan }: Examination): Judged {
  if (!("state" in base)) return { verdict: "no_data", figures: base.message, details: [] };
  return heldOf(base.state, entries, plan.window);
}
