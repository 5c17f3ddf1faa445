/** Visitors who hang up before their answer: no failure, but no good news either where native's do so alone. */
import { percentText } from "../text/format.ts";
import type { Bucket } from "./observations.ts";

/** Fewer are visitors as they are. */
const MIN_PERCENT = 5;
const MIN_OBSERVATIONS = 10;
const TIMES_PROXY = 3;

/** What stands out, in words; null when nothing does, or proxy has nobody to compare with. */
export function hangUps(buckets: readonly Bucket[]): string | null {
  const observations = buckets.reduce((sum, { left }) => sum + left.observations, 0);
  const [native, proxy] = [percentOf("native", buckets), percentOf("proxy", buckets)];
  const odd =
    observations >= MIN_OBSERVATIONS && native >= MIN_PERCENT && native > proxy * TIMES_PROXY;
  if (!odd) return null;
  return (
    `visitors gave up ${percentText(native)} of native's requests, ` +
    `${percentText(proxy)} of proxy's: native may hang`
  );
}

/** NaN where there are no requests: no comparison with it holds. */
function percentOf(cohort: "native" | "proxy", buckets: readonly Bucket[]): number {
  const left = buckets.reduce((sum, bucket) => sum + bucket.left[cohort], 0);
  const answered = buckets.reduce((sum, bucket) => sum + bucket[cohort].requests, 0);
  return (left * 100) / (left + answered);
}
