/**
 * GO or NO-GO for the next stage (the seed's B2a.7): each reason with its verdict. GO only if every
 * required one passes: no data is not good news.
 */

import { timeOf } from "../lib/time.ts";
import type { SeriesRow } from "../metrics/queries.ts";
import type { Window } from "../metrics/sql.ts";
import type { AchievedShare } from "../proof/achieved-share.ts";
import { UNKNOWN_AUTHOR } from "../state/author.ts";
import type { JournalEntry } from "../state/journal.ts";
import type { ParsedState } from "../state/state.ts";
import { counted, countText, percentText, roughDuration } from "../text/format.ts";
import type { Policy } from "./numbers.ts";
import type { Verdict } from "./verdict.ts";
import type { Coverage, NativeTotals, PolicyOverWindow } from "./window.ts";

export interface Reason {
  name: string;
  verdict: Verdict;
  /** False: it is told, and does not stand in the way. */
  required: boolean;
  /** What was measured beside what is wanted, in a few words. */
  figures: string;
  /** What is behind it, a line each; why, unless it passed. */
  details: string[];
  /** Ready to paste; null when there is nothing to do. */
  next: string | null;
}

export type Answer = "GO" | "NO-GO";

/** What stands in the way, worst first: failures before what is not known. */
export function obstaclesTo(reasons: readonly Reason[]): Reason[] {
  const ways = reasons.filter(({ required, verdict }) => required && verdict !== "pass");
  const rank: Record<Verdict, number> = { fail: 0, inconclusive: 1, no_data: 2, pass: 3 };
  return ways.toSorted((a, b) => rank[a.verdict] - rank[b.verdict]);
}

/** No reasons at all are none to go. */
export function answerOf(reasons: readonly Reason[]): Answer {
  const required = reasons.filter((reason) => reason.required);
  return required.length > 0 && obstaclesTo(reasons).length === 0 ? "GO" : "NO-GO";
}

/** The worst of several: one that fails decides, then one that is open, then one not made. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.length === 0) return "no_data";
  return (["fail", "inconclusive", "no_data"] as const).find((v) => verdicts.includes(v)) ?? "pass";
}

/** What a reason says, before it has its name and its next command. */
export type Judged = Pick<Reason, "verdict" | "figures" | "details">;

/**
 * Enough requests of native in the window. With the 1,000 that are wanted unless told otherwise, a
 * native that fails 0.5 % of them stays below the target of 1 % in 97 of 100 windows, and one at the
 * 1.5 % of the policy's warning in 7. test/domain/policy/go-no-go.test.ts computes these figures.
 */
export const MIN_REQUESTS = 1_000;

export function sampleOf({ native }: PolicyOverWindow, minimum: number): Judged {
  const enough = native.observations >= minimum;
  const recorded =
    native.observations < native.requests ? `, ${countText(native.observations)} recorded` : "";
  const figures = `${counted(native.requests, "native request")}${recorded} (at least ${countText(minimum)})`;
  return {
    verdict: enough ? "pass" : "no_data",
    figures,
    details: enough ? [] : ["too few for the whole window"],
  };
}

/** Of the window's buckets; half: nights without visitors are no obstacle, days without are. */
export const MIN_COVERAGE_PERCENT = 50;

/** A bucket counts when native had traffic in it and enough around it for its errors to be judged. */
export function coverageOf(
  { buckets, covered, with_native: withNative }: Coverage,
  minPercent: number,
): Judged {
  const percent = buckets === 0 ? 0 : (covered * 100) / buckets;
  const enough = buckets > 0 && covered * 100 >= buckets * minPercent;
  return {
    verdict: enough ? "pass" : "no_data",
    figures: `${Math.floor(percent * 10) / 10} % of ${counted(buckets, "bucket")} (at least ${minPercent} %)`,
    details: enough
      ? []
      : [
          `${countText(withNative)} with native traffic, ${countText(covered)} with enough to be judged`,
        ],
  };
}

/**
 * "Back to normal" (DESIGN §5) of the whole window: native's errors, and its p90 on each of the phases
 * that have enough requests to tell. `minimum` requests are needed to say anything.
 */
export function targetsOf(
  { native }: PolicyOverWindow,
  series: readonly SeriesRow[],
  policy: Policy,
  minimum: number,
): Judged {
  const { errorRatePercent, p90Ms } = policy.backToNormal;
  const rate = native.requests > 0 ? (native.errors * 100) / native.requests : null;
  const phases = series.filter(
    ({ cohort, phase, observations }) =>
      cohort === "native" &&
      phase !== "proxy" &&
      observations >= policy.p90Warning.minNativeRequests,
  );
  const worst = phases.toSorted((a, b) => b.p90 - a.p90)[0];
  const rateText = rate === null ? "no requests" : `errors ${percentText(rate)}`;
  const p90Text = worst === undefined ? "p90 unknown" : `p90 ${Math.round(worst.p90)} ms`;
  const figures = `${rateText} (< ${errorRatePercent} %), ${p90Text} (< ${p90Ms} ms)`;
  const slow = phases.filter(({ p90 }) => p90 >= p90Ms);
  const errors = errorVerdict(native, { rate, minimum, policy });
  const latency = worst === undefined ? "no_data" : slow.length > 0 ? "fail" : "pass";
  const verdict = worstOf([errors, latency]);
  const details = [
    ...(verdict === "no_data" ? ["too few native requests to judge"] : []),
    ...(errors === "fail" || errors === "inconclusive"
      ? [`${countText(native.errors)} of ${counted(native.requests, "native request")} failed`]
      : []),
    ...slow.map(({ phase, p90 }) => `p90 of phase ${phase} is ${Math.round(p90)} ms`),
  ];
  return { verdict, figures, details };
}

/** Errors are bad news however few the requests: the minimum is for the good news alone. */
function errorVerdict(
  { observations, error_observations: errorObservations }: NativeTotals,
  { rate, minimum, policy }: { rate: number | null; minimum: number; policy: Policy },
): Verdict {
  const { errorRatePercent, minErrors } = policy.backToNormal;
  if (rate === null) return "no_data";
  if (rate >= errorRatePercent && errorObservations >= minErrors) return "fail";
  if (observations < minimum) return "no_data";
  return rate >= errorRatePercent ? "inconclusive" : "pass";
}

export function shareJudged(share: AchievedShare): Judged {
  const { configured, achieved, tolerance, sampled, verdict, detail } = share;
  const wanted = configured === null ? "unknown" : `${configured} %`;
  const within = tolerance === null ? "" : ` ± ${countText(tolerance, 2)}`;
  const got =
    achieved === null
      ? "no new visitors"
      : `${percentText(achieved)} of ${counted(sampled, "new visitor")}`;
  const figures = `${got} (${wanted}${within})`;
  return { verdict, figures, details: verdict === "pass" ? [] : [detail] };
}

/**
 * How long the present share has been in force, as far as is known. Told and not required: a stage may
 * be shorter than the window, and then it is for people to say whether it was long enough.
 */
export function heldOf(
  { config }: ParsedState,
  entries: readonly JournalEntry[],
  { fromS, toS }: Window,
): Judged {
  if (config.kind !== "valid")
    return { verdict: "no_data", figures: "no readable config", details: [] };
  const { canary_percent: percent, last_updated: written, revision, updated_by: by } = config.value;
  const writtenS = timeOf(written) / 1_000;
  const told = (verdict: Verdict, figures: string, details: string[] = []): Judged => ({
    verdict,
    figures: `${percent} % ${figures}`,
    details,
  });
  if (!Number.isFinite(writtenS)) return told("no_data", "since an unknown time");
  if (writtenS <= fromS) return told("pass", "for the whole window");
  const since = (atS: number): string =>
    `for ${roughDuration(toS - atS)} of ${roughDuration(toS - fromS)}`;
  const changed = entries.findLast(
    ({ before, after }) => after.percent !== null && before?.percent !== after.percent,
  );
  const changedS = changed === undefined ? null : timeOf(changed.at) / 1_000;
  if (changed !== undefined && changedS !== null && changedS > fromS) {
    const from = changed.before?.percent ?? "?";
    const what = `${changed.command} by ${changed.actor}: ${from} % → ${changed.after.percent} %`;
    return told("inconclusive", since(changedS), [what]);
  }
  const known = entries.some((entry) => revision !== undefined && entry.revision === revision);
  if (known)
    return told("pass", "for the whole window", [
      `config rewritten by ${by ?? UNKNOWN_AUTHOR}, same share`,
    ]);
  const what = `config was changed by ${by ?? UNKNOWN_AUTHOR}; the journal has no earlier share`;
  return told("inconclusive", since(writtenS), [what]);
}
