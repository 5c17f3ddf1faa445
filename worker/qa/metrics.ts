/** The figures of the last 24 hours for `/qa`, from Analytics Engine's SQL API. */
import type { CohortRow } from "../../src/domain/metrics/queries.ts";
import { requestsByCohort } from "../../src/domain/metrics/queries.ts";
import type { QaDocument } from "../../src/domain/proof/qa-document.ts";
import { askAnalytics } from "../analytics.ts";
import type { AnalyticsSettings } from "../env.ts";
import { withLimit } from "../limit.ts";

type Figures = NonNullable<QaDocument["metrics_24h"]>;

export interface Metrics24h {
  /** Waits for the first figures only, at most 2 s; later ones are fetched meanwhile. Never throws. */
  current(waitUntil: (work: Promise<unknown>) => void): Promise<Figures | undefined>;
  /** Without asking anybody: what is known, if it is not too old. */
  cached(): Figures | undefined;
}

const ASK_LIMIT_MS = 2_000;
const ASK_LIMITS = { ms: ASK_LIMIT_MS, bytes: 64 * 1024 };
/** Every isolate asks by itself, and the account has 1,200 API requests in 5 min. */
const FRESH_MS = 60_000;
const PAUSE_AFTER_FAILURE_MS = 30_000;
const MAX_AGE_MS = 10 * 60_000;
const DAY_S = 24 * 60 * 60;

export function createMetrics24h(
  settings: AnalyticsSettings | null,
  now: () => number,
): Metrics24h {
  let known: { figures: Figures; atMs: number } | null = null;
  let running: { figures: Promise<Figures | undefined>; startedAtMs: number } | null = null;
  let failedAtMs = Number.NEGATIVE_INFINITY;

  const youngerThan = (ms: number): Figures | undefined =>
    known !== null && Math.abs(now() - known.atMs) <= ms ? known.figures : undefined;

  const ask = async (analytics: AnalyticsSettings): Promise<Figures | undefined> => {
    try {
      const figures = await fetchFigures(analytics, now());
      known = { figures, atMs: now() };
      return figures;
    } catch {
      failedAtMs = now();
      return undefined;
    } finally {
      running = null;
    }
  };

  return {
    cached: () => youngerThan(MAX_AGE_MS),
    async current(waitUntil) {
      const old = youngerThan(MAX_AGE_MS);
      if (settings === null || youngerThan(FRESH_MS) !== undefined) return old;
      // One that has overrun its limit belongs to a request that was torn down.
      if (running === null || now() - running.startedAtMs > ASK_LIMIT_MS) {
        if (now() - failedAtMs < PAUSE_AFTER_FAILURE_MS) return old;
        running = { figures: ask(settings), startedAtMs: now() };
        waitUntil(running.figures);
      }
      if (old !== undefined) return old;
      return withLimit("metrics", ASK_LIMIT_MS, running.figures).catch(() => undefined);
    },
  };
}

async function fetchFigures(settings: AnalyticsSettings, nowMs: number): Promise<Figures> {
  const toS = Math.floor(nowMs / 1000) + 1;
  const query = requestsByCohort(settings.dataset, { fromS: toS - DAY_S, toS });
  return figuresOf(await askAnalytics(settings, query, ASK_LIMITS));
}

function figuresOf(rows: readonly CohortRow[]): Figures {
  const of = (cohort: CohortRow["cohort"]): CohortRow | undefined =>
    rows.find((row) => row.cohort === cohort);
  const [native, proxy] = [of("native"), of("proxy")];
  return {
    requests_native: native?.requests ?? 0,
    requests_proxy: proxy?.requests ?? 0,
    error_rate_native: rateOf(native),
    error_rate_proxy: rateOf(proxy),
    p90_latency_native_ms: native?.p90 ?? null,
    p90_latency_proxy_ms: proxy?.p90 ?? null,
  };
}

/** As "0.8%"; of no requests there is no rate. */
function rateOf(row: CohortRow | undefined): string {
  if (row === undefined || row.requests === 0) return "n/a";
  return `${Number(((100 * row.errors) / row.requests).toFixed(2))}%`;
}
