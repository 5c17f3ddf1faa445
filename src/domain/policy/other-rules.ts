/** Rules that look at something else than buckets: uploads that were not finished, and a reduction. */

import { countText } from "../text/format.ts";
import type { Case, Result } from "./case.ts";
import { bucketsIn, span } from "./case.ts";
import { areFewOrphans, HEALTH_MINUTES } from "./few-orphans.ts";
import type { Finding } from "./finding.ts";
import { newestEndS, questions } from "./observations.ts";

/** One intent is enough to look at: a number of orphans, like failures, is not made by few requests. */
export function orphans({ seen, policy }: Case): Result {
  const { limit, minutes } = policy.orphanedIntents;
  const common = {
    limit,
    unit: "intents" as const,
    minimum: 1,
    window: questions(seen.nowS, policy).orphans,
  };
  const none = { ...common, values: [null], samples: 0, verdict: "no_data" as const };
  if (seen.orphans.kind === "unseen") return { ...none, detail: seen.orphans.because };
  const { intents, finalized, requests } = seen.orphans.value;
  const known = Number.isFinite(intents) && Number.isFinite(finalized) && intents >= 1;
  if (!known) return { ...none, detail: `no intents in ${span(minutes, policy)}` };
  const orphaned = Math.max(0, intents - finalized);
  const requestsThen = Number.isFinite(requests) ? requests : 0;
  const few =
    orphaned > limit &&
    areFewOrphans({ orphaned, requestsThen }, bucketsIn(HEALTH_MINUTES, { seen, policy }), policy);
  const share = few
    ? `, under ${policy.orphanedIntents.minSharePercent} % of native's requests`
    : "";
  return {
    ...common,
    values: [orphaned],
    samples: intents,
    verdict: orphaned > limit ? "fail" : "pass",
    ...(few ? { recommends: "notify" as const } : {}),
    detail: `${countText(orphaned, 1)} of ${countText(intents, 1)} intents were never finalized${share}`,
  };
}

/** Judged on data from after its time: the newest complete bucket must have ended by then. */
export function reduction({ seen, policy }: Case, before: readonly Finding[]): Result {
  const { minutes } = policy.reductionDidNotHelp;
  const toS = newestEndS(seen.nowS, policy);
  const common = { limit: minutes, unit: "min" as const, samples: 0, minimum: 0 };
  const none = { ...common, window: { fromS: toS, toS }, values: [null] };
  const { lastReductionS: last } = seen;
  if (last.kind === "unseen") return { ...none, verdict: "no_data", detail: last.because };
  if (last.value === null || !Number.isFinite(last.value) || last.value > seen.nowS) {
    return { ...none, verdict: "pass", detail: "no reduction in force" };
  }
  const elapsed = Math.max(0, (toS - last.value) / policy.bucketSeconds);
  const known = { ...none, window: { fromS: Math.floor(last.value), toS }, values: [elapsed] };
  const warnings = before.filter(({ recommends }) => recommends === "reduce");
  const since = `reduced ${span(Math.floor(elapsed), policy)} ago`;
  if (warnings.some(({ verdict }) => verdict === "fail")) {
    const verdict = elapsed >= minutes ? "fail" : "inconclusive";
    return { ...known, verdict, detail: `${since}, and a warning still fails` };
  }
  if (warnings.every(({ verdict }) => verdict === "no_data")) {
    return { ...known, verdict: "no_data", detail: `${since}, no data since` };
  }
  return { ...known, verdict: "pass", detail: `${since}, and no warning fails` };
}
