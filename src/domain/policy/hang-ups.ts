/** Visitors who hang up before their answer: no failure, but no good news either where native's do so alone. */
import { percentText } from "../text/format.ts";
import type { Bucket } from "./observations.ts";

/** Fewer are visitors as they are, and one of them alone is soon as many. */
const MIN_PERCENT = 10;
const MIN_OBSERVATIONS = 20;
const TIMES_PROXY = 3;
/** So many more of proxy's would be no surprise: of none in n, 3/n is the upper bound of 95 % (rule of three). */
const PROXY_BY_CHANCE = 3;

/** What stands out, in words; null when nothing does, or too few were at proxy to compare with. */
export function hangUps(buckets: readonly Bucket[]): string | null {
  const observations = buckets.reduce((sum, { left }) => sum + left.observations, 0);
  const [native, proxy] = [requestsOf("native", buckets), requestsOf("proxy", buckets)];
  const share = percentOf(native.left, native.all);
  const most = percentOf(proxy.left + PROXY_BY_CHANCE, proxy.all);
  const odd =
    observations >= MIN_OBSERVATIONS && share >= MIN_PERCENT && share > most * TIMES_PROXY;
  if (!odd) return null;
  return (
    `visitors gave up ${percentText(share)} of native's requests, ` +
    `${percentText(percentOf(proxy.left, proxy.all))} of proxy's: native may hang`
  );
}

function requestsOf(cohort: "native" | "proxy", buckets: readonly Bucket[]) {
  const left = buckets.reduce((sum, bucket) => sum + bucket.left[cohort], 0);
  const answered = buckets.reduce((sum, bucket) => sum + bucket[cohort].requests, 0);
  return { left, all: left + answered };
}

/** NaN or infinite where there are no requests: native's share is never above it. */
function percentOf(count: number, all: number): number {
  return (count * 100) / all;
}
