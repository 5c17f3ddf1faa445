/** Intents that an emergency caught half-way: their uploads were sent to proxy, and say nothing of native. */

import { timeOf } from "../lib/time.ts";
import type { OrphanRow } from "../metrics/queries.ts";
import type { Window } from "../metrics/sql.ts";
import type { OrphanBucketRow } from "../metrics/window-queries.ts";
import type { JournalEntry } from "../state/journal.ts";
import type { Policy } from "./numbers.ts";

/**
 * From as long before each emergency as an upload may take until its release, or `nowS`; seconds since the
 * epoch. `entries` in order of time.
 */
export function caughtWindows(
  entries: readonly JournalEntry[],
  nowS: number,
  { orphanedIntents, bucketSeconds }: Policy,
): Window[] {
  const graceS = orphanedIntents.graceMinutes * bucketSeconds;
  const windows: Window[] = [];
  let fromS: number | null = null;
  for (const { at, after } of entries) {
    const atS = timeOf(at) / 1_000;
    if (!Number.isFinite(atS) || after.emergency === null) continue;
    if (after.emergency) fromS ??= atS - graceS;
    else if (fromS !== null) {
      windows.push({ fromS, toS: atS });
      fromS = null;
    }
  }
  return fromS === null ? windows : [...windows, { fromS, toS: nowS }];
}

/** Of the buckets that no such time touches. */
export function uncaught(
  rows: readonly OrphanBucketRow[],
  caught: readonly Window[],
  bucketSeconds: number,
): OrphanRow {
  const free = rows.filter(
    ({ bucket }) =>
      !caught.some(({ fromS, toS }) => bucket < toS && bucket + bucketSeconds > fromS),
  );
  const sum = (part: keyof OrphanRow) => free.reduce((all, row) => all + row[part], 0);
  return { intents: sum("intents"), finalized: sum("finalized"), requests: sum("requests") };
}
