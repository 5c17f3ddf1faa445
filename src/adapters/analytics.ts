/** Analytics Engine's SQL API. */
import * as z from "zod";
import type { Query } from "../domain/metrics/queries.ts";
import type { CallOptions, Metrics } from "../ports/api.ts";
import type { Clock } from "../ports/machine.ts";
import { createClock } from "./clock.ts";
import { ApiFailure, callApi, parseJson } from "./cloudflare-call.ts";
import type { CloudflareClient } from "./cloudflare-client.ts";
import type { RetryPolicy } from "./retry.ts";
import { withRetries } from "./retry.ts";

export interface AnalyticsOptions {
  client: CloudflareClient;
  accountId: string;
  /** Null when the environment names none. */
  dataset: string | null;
  clock?: Pick<Clock, "sleep">;
  /** In [0, 1); for the jitter. */
  random?: () => number;
}

const QUERY_MS = 10_000;

/** A question changes nothing, so it may be asked again; a spent budget is left alone. */
const ASK: RetryPolicy = {
  retries: 2,
  firstDelayMs: 200,
  maxDelayMs: 2_000,
  retryAfterLimitMs: 5_000,
  beyondLimit: "give-up",
  worthIt: (error) => error.kind === "unavailable",
};

const answerSchema = z.object({ data: z.array(z.unknown()) });

export function createMetrics(options: AnalyticsOptions): Metrics {
  const { dataset } = options;
  return {
    async ask(question, { signal, once }) {
      if (dataset === null) {
        const message = 'no metrics: the environment has no "dataset" in pixcanary.json';
        throw new ApiFailure("not-found", message);
      }
      const deps = {
        clock: options.clock ?? createClock(),
        random: options.random ?? Math.random,
        signal,
      };
      const asked = { query: question(dataset), dataset };
      const policy = once === true ? { ...ASK, retries: 0 } : ASK;
      return await withRetries(() => askOnce(options, asked, { signal }), policy, deps);
    },
  };
}

async function askOnce<Row>(
  { client, accountId }: AnalyticsOptions,
  { query, dataset }: { query: Query<Row>; dataset: string },
  { signal }: CallOptions,
): Promise<Row[]> {
  const what = `metrics (${query.name})`;
  const answer = await callApi(client, {
    what,
    method: "post",
    path: `/accounts/${accountId}/analytics_engine/sql`,
    body: { text: query.sql, type: "text/plain" },
    timeoutMs: QUERY_MS,
    signal,
  }).catch((error: unknown) => {
    throw isUnknownDataset(error, dataset) ? nothingYet(dataset) : error;
  });
  const parsed = answerSchema.safeParse(parseJson(answer.text));
  if (!parsed.success) {
    throw new ApiFailure("rejected", `${what}: the answer is not that of Analytics Engine`);
  }
  try {
    return query.read(parsed.data.data);
  } catch {
    throw new ApiFailure("rejected", `${what}: unexpected columns in the answer`);
  }
}

/** A dataset comes to be with its first point. How the API words that is not documented. */
function isUnknownDataset(error: unknown, dataset: string): boolean {
  if (!(error instanceof ApiFailure) || error.kind !== "rejected") return false;
  const { message } = error;
  return message.includes(dataset) && /unknown|not exist|not found|unable to find/i.test(message);
}

function nothingYet(dataset: string): ApiFailure {
  const message =
    `no metrics yet: the dataset ${dataset} is empty, ` +
    'or "dataset" in pixcanary.json is not the one in wrangler.jsonc';
  return new ApiFailure("not-found", message, { status: 422 });
}
