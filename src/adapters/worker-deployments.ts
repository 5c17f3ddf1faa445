/** Versions and deployments of the environment's Worker, and its zone's routes, through the Cloudflare API. */
import * as z from "zod";
import type { Share } from "../domain/ladder/proxy-only.ts";
import type { CallOptions } from "../ports/api.ts";
import { UpstreamError } from "../ports/errors.ts";
import { type Deployments, SecretsChanged } from "../ports/ladder.ts";
import type { Clock } from "../ports/machine.ts";
import { ApiFailure, callApi, parsed, resultOf } from "./cloudflare-call.ts";
import type { CloudflareClient } from "./cloudflare-client.ts";
import type { RetryPolicy } from "./retry.ts";
import { withRetries } from "./retry.ts";

/** One attempt to look: what hangs is worse than what is tried again. */
const LOOK_MS = 4_000;
/** One attempt to change something: to repeat what is being done only makes it take longer. */
const CHANGE_MS = 15_000;
/** "The following secrets have changed": a deployment would bring old ones back. */
const SECRETS_CHANGED = 10220;
/** As many as can be deployed. */
const VERSIONS = 100;

/** The signal bounds them all. */
const AGAIN: RetryPolicy = {
  retries: 4,
  firstDelayMs: 200,
  maxDelayMs: 1_500,
  retryAfterLimitMs: 3_000,
  beyondLimit: "cap",
  worthIt: ({ kind }) => kind === "unavailable" || kind === "ambiguous",
};

export interface LadderOptions {
  client: CloudflareClient;
  accountId: string;
  worker: string;
  clock: Pick<Clock, "sleep">;
}

export interface LadderAsk {
  what: string;
  method?: "get" | "post" | "delete";
  path: string;
  query?: Record<string, string | number>;
  body?: object;
}

/** The `result`. Throws ApiFailure; a change whose answer was lost is `ambiguous`. */
export function ask(
  { client, clock }: Pick<LadderOptions, "client" | "clock">,
  { body, method = "get", ...rest }: LadderAsk,
  { signal, onRetry }: CallOptions,
): Promise<unknown> {
  const text = body === undefined ? {} : { body: { text: JSON.stringify(body), type: JSON_TYPE } };
  const timeoutMs = method === "get" ? LOOK_MS : CHANGE_MS;
  const call = { ...rest, ...text, method, timeoutMs, signal };
  const attempt = async (): Promise<unknown> => {
    try {
      return resultOf(client, call, await callApi(client, call));
    } catch (error) {
      const made = method === "post" ? asChange(error) : error;
      if (made instanceof UpstreamError && AGAIN.worthIt(made, 1)) onRetry?.(made.message);
      throw made;
    }
  };
  return withRetries(attempt, AGAIN, { clock, random: Math.random, signal });
}

const JSON_TYPE = "application/json" as const;

/** For the API's client a POST only asks; here it changes something, and may have done so. */
function asChange(error: unknown): unknown {
  const lost =
    error instanceof ApiFailure &&
    error.kind === "unavailable" &&
    (error.status === null || error.status >= 500);
  if (!lost) return error;
  const { status, retryAfterMs, codes } = error;
  return new ApiFailure("ambiguous", error.message, { status, retryAfterMs, codes });
}

const text = z.string().max(2_000);
const annotations = z
  .object({
    "workers/message": text.optional().catch(undefined),
    "workers/tag": text.optional().catch(undefined),
  })
  .nullish();

const deploymentsSchema = z.object({
  deployments: z.array(
    z.object({
      created_on: text,
      author_email: text.nullish(),
      annotations,
      versions: z.array(z.object({ version_id: text, percentage: z.number() })),
    }),
  ),
});
const versionsSchema = z.object({
  items: z.array(z.object({ id: text, metadata: z.object({ created_on: text }), annotations })),
});
const versionSchema = z.object({
  resources: z.object({ bindings: z.array(z.object({ name: text })).catch([]) }),
});

export function createDeployments(options: LadderOptions): Deployments {
  const { accountId, worker } = options;
  const base = `/accounts/${encodeURIComponent(accountId)}/workers/scripts/${encodeURIComponent(worker)}`;
  return {
    async list(call) {
      const what = `list the deployments of ${worker}`;
      const result = await ask(options, { what, path: `${base}/deployments` }, call);
      const { deployments } = parsed(what, deploymentsSchema, result);
      return deployments
        .toSorted((a, b) => b.created_on.localeCompare(a.created_on))
        .map(({ created_on, author_email, annotations: notes, versions }) => ({
          at: created_on,
          by: author_email ?? null,
          message: notes?.["workers/message"] ?? null,
          split: versions.map(({ version_id, percentage }) => ({
            versionId: version_id,
            percentage,
          })),
        }));
    },
    async versions(call) {
      const what = `list the versions of ${worker}`;
      const query = { per_page: VERSIONS, deployable: "true" };
      const result = await ask(options, { what, path: `${base}/versions`, query }, call);
      return parsed(what, versionsSchema, result)
        .items.map(({ id, metadata, annotations: notes }) => {
          return { id, at: metadata.created_on, tag: notes?.["workers/tag"] ?? null };
        })
        .toSorted((a, b) => b.at.localeCompare(a.at));
    },
    async bindings(versionId, call) {
      const what = `read the version ${versionId}`;
      const path = `${base}/versions/${encodeURIComponent(versionId)}`;
      const { resources } = parsed(what, versionSchema, await ask(options, { what, path }, call));
      return resources.bindings.map(({ name }) => name);
    },
    deploy: (split, call) => deploy(options, `${base}/deployments`, split, call),
  };
}

async function deploy(
  options: LadderOptions,
  path: string,
  split: readonly Share[],
  { message, force, ...call }: CallOptions & { message: string; force?: boolean },
): Promise<void> {
  const versions = split.map(({ versionId, percentage }) => ({
    version_id: versionId,
    percentage,
  }));
  const body = { strategy: "percentage", versions, annotations: { "workers/message": message } };
  const query = force === true ? { query: { force: "true" } } : {};
  const what = `deploy a version of ${options.worker}`;
  try {
    await ask(options, { what, method: "post", path, body, ...query }, call);
  } catch (error) {
    if (!(error instanceof ApiFailure) || !error.codes.includes(SECRETS_CHANGED)) throw error;
    throw new SecretsChanged("rejected", error.message, { status: error.status });
  }
}
