/** The gate of a ramp's step: the policy's assessment since the ramp began, and how many requests the step has had. */
import { timeOf } from "../lib/time.ts";
import { NATIVE_PHASES } from "../metrics/point.ts";
import { requestSeries, type SeriesRow } from "../metrics/queries.ts";
import { evaluate } from "../policy/evaluate.ts";
import type { Assessment } from "../policy/finding.ts";
import { sentence } from "../policy/finding-text.ts";
import type { Policy } from "../policy/numbers.ts";
import type { Ask, Observations } from "../policy/observations.ts";
import { since } from "../policy/observations.ts";
import type { Gate } from "./advance.ts";
import type { RampDocument } from "./document.ts";

export function gateOf(
  ramp: RampDocument,
  observations: Observations,
  policy: Policy,
  nativeRequests: number | null,
): { gate: Gate; assessment: Assessment } {
  const fromMs = timeOf(ramp.measured_from ?? undefined);
  const relevant = Number.isFinite(fromMs) ? since(observations, fromMs / 1_000) : observations;
  const assessment = evaluate(relevant, policy);
  const { verdict, recommendation, problems, findings } = assessment;
  const told =
    problems.length > 0 ? problems : findings.filter((finding) => finding.verdict === verdict);
  const why = verdict === "pass" ? "all findings pass" : told.slice(0, 3).map(sentence).join("; ");
  return { gate: { verdict, recommendation, why, nativeRequests }, assessment };
}

/** Since the step is live; null before, and where the metrics do not say. Never rejects. */
export async function requestsInStep(
  { live_at }: RampDocument,
  nowMs: number,
  ask: Ask,
): Promise<number | null> {
  const fromS = Math.floor(timeOf(live_at ?? undefined) / 1_000);
  if (!Number.isFinite(fromS)) return null;
  const toS = Math.max(fromS + 1, Math.floor(nowMs / 1_000) + 1);
  const rows = await ask((dataset) => requestSeries(dataset, { fromS, toS }));
  return rows.kind === "seen" ? nativeRequestsOf(rows.value) : null;
}

/** On the routes that native has handlers for, as many as were really seen. */
function nativeRequestsOf(rows: readonly SeriesRow[]): number {
  return rows
    .filter(
      ({ cohort, phase }) => cohort === "native" && NATIVE_PHASES.some((one) => one === phase),
    )
    .reduce((sum, { observations }) => sum + observations, 0);
}
