/** "Back to normal" of DESIGN §5: what more exposure waits for, after an incident or at any time. */

import { counted, countText } from "../text/format.ts";
import { bucketsIn, observed, span, unseenHealth } from "./case.ts";
import type { NormalFinding, Unit } from "./finding.ts";
import type { Policy } from "./numbers.ts";
import type { Bucket, Observations } from "./observations.ts";
import type { Verdict } from "./verdict.ts";

/** Error rate and p90 of native over the last minutes; no_data without enough native requests. */
export function backToNormal(seen: Observations, policy: Policy): NormalFinding[] {
  const { minutes, errorRatePercent, p90Ms, minErrors } = policy.backToNormal;
  const given = { seen, policy };
  const buckets = bucketsIn(minutes, given).filter(({ native }) => native.requests > 0);
  const samples = observed(buckets, "native");
  const few =
    samples === 0
      ? "no native traffic"
      : `${counted(samples, "native request")} in ${span(minutes, policy)}, needs ${countText(policy.minNativeRequests)}`;
  const nothing = unseenHealth(given) ?? (samples < policy.minNativeRequests ? few : null);
  const finding = (name: string, limit: number, unit: Unit, measure: () => Measured) => {
    const { value, verdict } = nothing === null ? measure() : NOTHING;
    const shown =
      value === null ? "" : `${countText(value, 1)} ${unit} over ${span(minutes, policy)}`;
    const detail = nothing ?? shown;
    return { name, verdict, value, limit, unit, samples, detail };
  };
  return [
    finding(`error rate of native < ${errorRatePercent} %`, errorRatePercent, "%", () =>
      errorsOf(buckets, errorRatePercent, minErrors),
    ),
    finding(`p90 of native < ${p90Ms} ms`, p90Ms, "ms", () => p90Of(buckets, p90Ms)),
  ];
}

interface Measured {
  value: number | null;
  verdict: Verdict;
}

const NOTHING: Measured = { value: null, verdict: "no_data" };

function errorsOf(buckets: readonly Bucket[], limit: number, minErrors: number): Measured {
  const sum = (part: "requests" | "errors" | "errorObservations") =>
    buckets.reduce((all, { native }) => all + native[part], 0);
  const value = (sum("errors") * 100) / sum("requests");
  if (value < limit) return { value, verdict: "pass" };
  return { value, verdict: sum("errorObservations") < minErrors ? "inconclusive" : "fail" };
}

/** There is no p90 of p90s: normal in every bucket, in none, or it cannot be told. */
function p90Of(buckets: readonly Bucket[], limit: number): Measured {
  const value = Math.max(...buckets.map(({ native }) => native.p90));
  if (value < limit) return { value, verdict: "pass" };
  const none = buckets.every(({ native }) => native.p90 >= limit);
  return { value, verdict: none ? "fail" : "inconclusive" };
}
