/** What a rule is measured on, and what that comes to. */
import type { Finding } from "./finding.ts";
import type { Policy } from "./numbers.ts";
import type { Bucket, Observations } from "./observations.ts";
import { bucketsOf, lastBuckets } from "./observations.ts";

/** What one row comes to, before the table's columns are added. */
export type Result = Omit<
  Finding,
  "rule" | "family" | "severity" | "recommends" | "because" | "value" | "values" | "far"
> & {
  far?: boolean;
  values: (number | null)[];
  /** Instead of what the row recommends. */
  recommends?: Finding["recommends"];
};

export interface Case {
  seen: Observations;
  policy: Policy;
}

/** "3 min", or "3 × 1 s" in a rehearsal. */
export function span(minutes: number, { bucketSeconds }: Policy): string {
  return bucketSeconds === 60 ? `${minutes} min` : `${minutes} × ${bucketSeconds} s`;
}

/** Of the last so many minutes, oldest first. */
export function bucketsIn(minutes: number, { seen, policy }: Case): Bucket[] {
  const { health, failures } = seen;
  return bucketsOf(
    lastBuckets(seen.nowS, policy, minutes),
    policy.bucketSeconds,
    health.kind === "seen" ? health.value : [],
    failures.kind === "seen" ? failures.value : [],
  );
}

export function unseenHealth({ seen }: Case): string | null {
  return seen.health.kind === "unseen" ? seen.health.because : null;
}

/** Requests of a cohort that were really seen: sampling must not make many of a few. */
export function observed(buckets: readonly Bucket[], cohort: "native" | "proxy"): number {
  return buckets.reduce((sum, bucket) => sum + bucket[cohort].observations, 0);
}
