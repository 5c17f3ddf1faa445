/** Questions to the metrics whose answer may be missing: what is not seen is never good news. */
import type { Query } from "../../domain/metrics/queries.ts";
import type { Ask, Observed } from "../../domain/policy/observations.ts";
import type { Metrics } from "../../ports/api.ts";
import { UpstreamError } from "../../ports/errors.ts";
import { asUpstream } from "./write-result.ts";

/** An unseen answer holds its UpstreamError. */
export function askOf(metrics: Metrics, signal: AbortSignal): Ask {
  return (question) => askAll(metrics, [question], signal);
}

/** One piece that is missing could be the one with the failure: then all is unseen. Never rejects. */
export async function askAll<Row>(
  metrics: Metrics,
  questions: readonly ((dataset: string) => Query<Row>)[],
  signal: AbortSignal,
  explain: (error: UpstreamError) => UpstreamError = (error) => error,
): Promise<Observed<readonly Row[]>> {
  try {
    const rows = await Promise.all(questions.map((one) => metrics.ask(one, { signal })));
    return { kind: "seen", value: rows.flat() };
  } catch (thrown) {
    const error = explain(asUpstream(thrown));
    return { kind: "unseen", because: error.message, error };
  }
}

/** Why an answer is missing; null for one that is there. */
export function errorOf(answer: Observed<unknown>): UpstreamError | null {
  return answer.kind === "unseen" && answer.error instanceof UpstreamError ? answer.error : null;
}
