/** The policy over the window in words, and the command for what it found. */

import type { Target } from "../../domain/config/environment.ts";
import type { Judged } from "../../domain/policy/go-no-go.ts";
import { strongest } from "../../domain/policy/rule.ts";
import type { PolicyOverWindow, WindowPlan } from "../../domain/policy/window.ts";
import type { OpenStretch, RuleOverWindow, Stretch } from "../../domain/policy/window-rule.ts";
import { counted, countText, isoSeconds } from "../../domain/text/format.ts";
import { amount, labelOf } from "../lib/findings-text.ts";
import { invocation } from "../lib/format.ts";
import { nextText, situationIn } from "../lib/situation.ts";
import type { Parts } from "./gather.ts";

export function policyJudged(
  { rules, verdict }: PolicyOverWindow,
  { buckets }: WindowPlan,
  { policy }: Target,
): Judged {
  const failed = rules.filter((rule) => rule.verdict === "fail");
  const { bucketSeconds } = policy;
  const time =
    bucketSeconds === 60
      ? `${countText(buckets)} min`
      : `${countText(buckets)} × ${bucketSeconds} s`;
  const figures =
    failed.length > 0
      ? `${failed.length} of ${counted(rules.length, "rule")} failed in ${time}`
      : `no rule failed in ${time}`;
  const problems = strongestFirst(rules.filter(isProblem));
  const open = rules.filter((rule) => rule.verdict === "inconclusive");
  const silent = rules.filter((rule) => rule.verdict === "no_data");
  return {
    verdict,
    figures,
    details: [
      ...problems.map((rule) => failedText(rule)),
      ...explainedText(failed.filter((rule) => !isProblem(rule))),
      ...open.flatMap((rule) => rule.open.slice(0, SHOWN).map((one) => openText(rule, one))),
      ...(verdict === "no_data" ? [`errors: ${errorsDetail(rules)}`] : []),
      ...silentText(silent),
    ],
  };
}

const SHOWN = 2;

/** It failed, and for some of the time no other rule explains it. */
function isProblem({ verdict, failed }: RuleOverWindow): boolean {
  return verdict === "fail" && failed.some(({ because }) => because === null);
}

function strongestFirst(rules: readonly RuleOverWindow[]): RuleOverWindow[] {
  return rules.toSorted((a, b) => {
    if (a.recommends === b.recommends) return 0;
    return strongest(a.recommends, b.recommends) === a.recommends ? -1 : 1;
  });
}

/** "error rate, critical: 10 % at worst (limit 3 %), 2025-11-15T02:12:00Z to 02:23:00Z". */
function failedText({ rule, failed, limit, unit }: RuleOverWindow): string {
  const worst = Math.max(...failed.map((stretch) => stretch.worst ?? 0));
  const times = failed.slice(0, SHOWN).map(stretchText).join("; ");
  const more = failed.length > SHOWN ? `; and ${counted(failed.length - SHOWN, "more time")}` : "";
  const most = `${amount(worst, unit)} at worst (limit ${amount(limit, unit)})`;
  return `${labelOf(rule)}: ${most}, ${times}${more}`;
}

function stretchText({ fromS, toS }: Stretch): string {
  const [from, to] = [isoSeconds(fromS * 1_000), isoSeconds(toS * 1_000)];
  return `${from} to ${to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to}`;
}

function explainedText(rules: readonly RuleOverWindow[]): string[] {
  if (rules.length === 0) return [];
  return [`caused by that: ${rules.map(({ rule }) => labelOf(rule)).join("; ")}`];
}

const OPEN: Readonly<Record<OpenStretch["why"], string>> = {
  dark: "over its limit, then not enough data",
  long: "over its limit repeatedly, but never long enough without gaps or with enough errors",
  now: "over its limit now, not yet for long enough",
  gave_up: "visitors gave up far more of native's requests than of proxy's: native may hang",
};

function openText({ rule }: RuleOverWindow, stretch: OpenStretch): string {
  return `${labelOf(rule)}: ${OPEN[stretch.why]}, ${stretchText(stretch)}`;
}

function silentText(rules: readonly RuleOverWindow[]): string[] {
  if (rules.length === 0) return [];
  return [`no data: ${rules.map(({ rule }) => labelOf(rule)).join("; ")}`];
}

/** Why native's errors could not be judged, as of the newest evaluation. */
function errorsDetail(rules: readonly RuleOverWindow[]): string {
  return rules.find(({ family }) => family === "errors")?.detail ?? "not judged";
}

/** What assess recommends now; else the logs of the worst time; else to look again. */
export function policyNext({ policy, base }: Parts, plan: WindowPlan, target: Target): string {
  if (policy.now.recommendation !== "none") {
    const figures = { assessment: policy.now, normal: false };
    const state = "state" in base ? base.state : null;
    const { next } = situationIn({ nowMs: policy.now.atS * 1_000, state, figures }, target);
    return nextText(next, target);
  }
  const [worst] = strongestFirst(policy.rules.filter(isProblem));
  const stretch = longest(worst?.failed ?? policy.rules.flatMap(({ open }) => open));
  if (stretch === undefined || (worst === undefined && isNow(stretch, plan))) {
    return invocation(target, "assess");
  }
  const cohort = worst?.family === "proxy" ? "proxy" : "native";
  const [from, to] = [isoSeconds(stretch.fromS * 1_000), isoSeconds(stretch.toS * 1_000)];
  return invocation(target, `logs errors --since ${from} --until ${to} --cohort ${cohort}`);
}

function longest(stretches: readonly Stretch[]): Stretch | undefined {
  return stretches.toSorted((a, b) => b.toS - b.fromS - (a.toS - a.fromS))[0];
}

function isNow({ toS }: Stretch, { window }: WindowPlan): boolean {
  return toS >= window.toS;
}
