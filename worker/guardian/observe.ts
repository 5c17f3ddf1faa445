/** What the policy judges, gathered at the edge: metrics by SQL, orphans from the database. */

import type { OrphanRow, Window } from "../../src/domain/metrics/queries.ts";
import { orphanedIntents } from "../../src/domain/metrics/queries.ts";
import type { Policy } from "../../src/domain/policy/numbers.ts";
import type { Ask, Observations, Observed } from "../../src/domain/policy/observations.ts";
import { lastReduction } from "../../src/domain/policy/observations.ts";
import { observeNative } from "../../src/domain/policy/observe.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import { askAnalytics } from "../analytics.ts";
import type { Bindings, Settings } from "../env.ts";
import { describeDatabaseError, withDatabase } from "../native/database.ts";

const ASK_LIMITS = { ms: 6_000, bytes: 2 * 1024 * 1024 };

export interface ObserveGiven {
  settings: Settings;
  env: Bindings;
  policy: Policy;
  nowMs: number;
  entries: Observed<readonly JournalEntry[]>;
  /** Intents made before are not counted: a stop that is over has caught some half-way. Seconds. */
  sinceS: number;
  waitUntil(work: Promise<unknown>): void;
}

/** Never rejects. */
export function observe(given: ObserveGiven): Promise<Observations> {
  const { policy, nowMs, entries, sinceS } = given;
  const nowS = Math.floor(nowMs / 1_000);
  const ask = askOf(given.settings);
  return observeNative(nowS, policy, {
    ask,
    orphans: (window) => orphansOf(given, ask, later(window, sinceS), nowS),
    lastReductionS: Promise.resolve(
      entries.kind === "unseen" ? entries : { kind: "seen", value: lastReduction(entries.value) },
    ),
  });
}

const NONE: OrphanRow = { intents: 0, finalized: 0, requests: 0 };

function later({ fromS, toS }: Window, sinceS: number): Window {
  return { fromS: Math.min(toS, Math.max(fromS, sinceS)), toS };
}

export function askOf({ analytics }: Settings): Ask {
  return async (question) => {
    if (analytics === null) {
      return {
        kind: "unseen",
        because:
          "metrics not configured: ANALYTICS_TOKEN, CLOUDFLARE_ACCOUNT_ID and ANALYTICS_DATASET",
      };
    }
    try {
      const value = await askAnalytics(analytics, question(analytics.dataset), ASK_LIMITS);
      return { kind: "seen", value };
    } catch (error) {
      const because = error instanceof Error ? error.message : "the SQL API did not answer";
      return { kind: "unseen", because };
    }
  };
}

/** The database knows intents exactly; when it does not answer, the metrics know them nearly. Requests only they know. */
export async function orphansOf(
  given: Pick<ObserveGiven, "env" | "waitUntil">,
  ask: Ask,
  window: Window,
  nowS: number,
): Promise<Observed<OrphanRow>> {
  if (window.fromS >= window.toS) return { kind: "seen", value: NONE };
  const asking = ask((dataset) => orphanedIntents(dataset, window, nowS));
  try {
    const counted = await countOrphans(given, window, nowS);
    const rows = await asking;
    const requests = rows.kind === "seen" ? (rows.value[0]?.requests ?? 0) : 0;
    return { kind: "seen", value: { ...counted, requests } };
  } catch (error) {
    const rows = await asking;
    if (rows.kind === "unseen") {
      return {
        kind: "unseen",
        because: `${rows.because}; database: ${describeDatabaseError(error)}`,
      };
    }
    return { kind: "seen", value: rows.value[0] ?? NONE };
  }
}

/** By the database's own clock, whose volatile functions keep Hyperdrive's cache from answering. */
async function countOrphans(
  { env, waitUntil }: Pick<ObserveGiven, "env" | "waitUntil">,
  { fromS, toS }: Window,
  nowS: number,
): Promise<Omit<OrphanRow, "requests">> {
  const context = { env, waitUntil, count: () => undefined };
  return withDatabase(context, async (database) => {
    const rows = await database.query(
      "SELECT count(*) AS intents, count(j.job_id) AS finalized " +
        "FROM intents i LEFT JOIN jobs j USING (intent_id) " +
        "WHERE i.created_at >= clock_timestamp() - $1 * interval '1 second' " +
        "AND i.created_at < clock_timestamp() - $2 * interval '1 second'",
      [nowS - fromS, nowS - toS],
    );
    return { intents: Number(rows[0]?.intents ?? 0), finalized: Number(rows[0]?.finalized ?? 0) };
  });
}
