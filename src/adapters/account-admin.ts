/** An account's namespaces, buckets, Logpush jobs and Worker secrets, through the Cloudflare API. */
import * as z from "zod";
import {
  DATASET,
  destinationConf,
  jobFilter,
  type LogJob,
  OUTPUT_OPTIONS,
  placeOfDestination,
} from "../domain/setup/logpush-fields.ts";
import type { CallOptions } from "../ports/api.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { Clock } from "../ports/machine.ts";
import type { AccountAdmin, Hidden, Namespace } from "../ports/setup.ts";
import { callApi, parsed, resultOf } from "./cloudflare-call.ts";
import type { CloudflareClient } from "./cloudflare-client.ts";
import { getValue, putValue } from "./cloudflare-store.ts";
import type { RetryPolicy } from "./retry.ts";
import { withRetries } from "./retry.ts";

const CALL_MS = 15_000;
const PAGE = 100;
/** 10,000 namespaces: no account has as many. */
const MAX_PAGES = 100;

const AGAIN: RetryPolicy = {
  retries: 3,
  firstDelayMs: 300,
  maxDelayMs: 2_000,
  retryAfterLimitMs: 5_000,
  beyondLimit: "give-up",
  worthIt: (error) => error.kind === "unavailable" || error.kind === "ambiguous",
};

export interface AdminOptions {
  client: CloudflareClient;
  accountId: string;
  clock: Pick<Clock, "sleep">;
}

type Client = Pick<AdminOptions, "client" | "clock">;

interface Ask {
  what: string;
  method?: "get" | "put" | "post";
  path: string;
  query?: Record<string, number>;
  body?: object;
  /** Sent once; else what is lost on the way is repeated, which must be harmless. */
  once?: true;
}

/** The `result`. Throws ApiFailure. */
async function ask(
  { client, clock }: Client,
  given: Ask,
  { signal }: CallOptions,
): Promise<unknown> {
  const { body, once, method = "get", ...rest } = given;
  const call = {
    ...rest,
    method,
    ...(body === undefined
      ? {}
      : { body: { text: JSON.stringify(body), type: "application/json" as const } }),
    timeoutMs: CALL_MS,
    signal,
  };
  const policy = once === true ? { ...AGAIN, retries: 0 } : AGAIN;
  const attempt = async (): Promise<unknown> => resultOf(client, call, await callApi(client, call));
  return withRetries(attempt, policy, { clock, random: Math.random, signal });
}

const text = z.string().max(4_096);
const namedSchema = z.array(z.object({ id: text, name: text }));
const namespacesSchema = z.array(z.object({ id: text, title: text }));
const secretsSchema = z.array(z.object({ name: text }));
const jobsSchema = z.array(
  z.object({
    id: z.int(),
    name: text.nullish(),
    dataset: text.nullish(),
    enabled: z.boolean().catch(false),
    destination_conf: z.string().catch(""),
    filter: z.string().nullish(),
    output_options: z.object({ field_names: z.array(z.string()).catch([]) }).nullish(),
  }),
);

/** The accounts that the token sees: at most a page of them. */
export async function listAccounts(
  client: Client,
  options: CallOptions,
): Promise<{ id: string; name: string }[]> {
  const what = "list the accounts";
  return parsed(what, namedSchema, await ask(client, { what, path: "/accounts" }, options));
}

export function createAccountAdmin(options: AdminOptions): AccountAdmin {
  const base = `/accounts/${encodeURIComponent(options.accountId)}`;
  const at = (namespaceId: string) => ({ ...options, namespaceId });
  const deps = (signal: AbortSignal) => ({ clock: options.clock, random: Math.random, signal });
  return {
    namespaces: (call) => allNamespaces(options, `${base}/storage/kv/namespaces`, call),
    async createNamespace(title, call) {
      const what = `create the KV namespace ${title}`;
      const path = `${base}/storage/kv/namespaces`;
      await ask(options, { what, method: "post", path, body: { title }, once: true }, call);
    },
    value: (namespaceId, key, { signal }) =>
      withRetries(
        () => getValue(at(namespaceId), key, { signal, timeoutMs: CALL_MS }),
        AGAIN,
        deps(signal),
      ),
    putValue: (namespaceId, key, value, { signal }) =>
      putValue(at(namespaceId), key, value, { signal, timeoutMs: CALL_MS }),
    hasBucket: async (name, call) => {
      const path = `${base}/r2/buckets/${encodeURIComponent(name)}`;
      return (await found(options, { what: `look for the bucket ${name}`, path }, call)) !== null;
    },
    async createBucket(name, call) {
      const path = `${base}/r2/buckets`;
      const what = `create the bucket ${name}`;
      await ask(options, { what, method: "post", path, body: { name }, once: true }, call);
    },
    ...logJobs(options, base),
    ...secrets(options, base),
  };
}

/** Null for 404. */
async function found(
  client: Client,
  given: Ask,
  call: CallOptions,
): Promise<{ result: unknown } | null> {
  try {
    return { result: await ask(client, given, call) };
  } catch (error) {
    if (error instanceof UpstreamError && error.kind === "not-found") return null;
    throw error;
  }
}

async function allNamespaces(
  client: Client,
  path: string,
  call: CallOptions,
): Promise<Namespace[]> {
  const what = "list the KV namespaces";
  const all: Namespace[] = [];
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const query = { page, per_page: PAGE };
    const some = parsed(what, namespacesSchema, await ask(client, { what, path, query }, call));
    all.push(...some);
    if (some.length < PAGE) return all;
  }
  return all;
}

function logJobs(
  options: AdminOptions,
  base: string,
): Pick<AccountAdmin, "logJobs" | "createLogJob" | "repairLogJob"> {
  const path = `${base}/logpush/jobs`;
  return {
    async logJobs(call) {
      const what = "list the Logpush jobs";
      const jobs = parsed(what, jobsSchema, await ask(options, { what, path }, call));
      return jobs.map(toLogJob);
    },
    async createLogJob({ name, place, worker, key }, call) {
      const body = {
        name,
        dataset: DATASET,
        destination_conf: destinationConf(place, options.accountId, r2KeyOf(key)),
        filter: jobFilter(worker),
        output_options: OUTPUT_OPTIONS,
        enabled: true,
      };
      const what = `create the Logpush job ${name}`;
      await ask(options, { what, method: "post", path, body, once: true }, call);
    },
    async repairLogJob(id, call) {
      const what = `update the Logpush job ${id}`;
      const body = { enabled: true, output_options: OUTPUT_OPTIONS };
      await ask(options, { what, method: "put", path: `${path}/${id}`, body }, call);
    },
  };
}

type RawJob = z.output<typeof jobsSchema>[number];

/** Its destination holds secrets, and goes no further than here. */
function toLogJob(job: RawJob): LogJob {
  const { id, enabled } = job;
  return {
    id,
    enabled,
    name: job.name ?? null,
    dataset: job.dataset ?? "",
    place: placeOfDestination(job.destination_conf),
    filter: job.filter ?? null,
    fields: job.output_options?.field_names ?? [],
  };
}

/** `<access key id>:<secret access key>`, checked where it was read. */
function r2KeyOf(key: Hidden): { id: string; secret: string } {
  const [id = "", secret = ""] = key.reveal().split(":");
  return { id, secret };
}

function secrets(
  options: AdminOptions,
  base: string,
): Pick<AccountAdmin, "secretNames" | "putSecret"> {
  const path = (worker: string): string =>
    `${base}/workers/scripts/${encodeURIComponent(worker)}/secrets`;
  return {
    async secretNames(worker, call) {
      const what = `list the secrets of ${worker}`;
      const answer = await found(options, { what, path: path(worker) }, call);
      if (answer === null) return null;
      return parsed(what, secretsSchema, answer.result).map(({ name }) => name);
    },
    async putSecret({ worker, name, value }, call) {
      const what = `set the secret ${name} of ${worker}`;
      const body = { name, text: value.reveal(), type: "secret_text" };
      await ask(options, { what, method: "put", path: path(worker), body }, call);
    },
  };
}
