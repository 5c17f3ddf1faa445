/** The state's documents in Workers KV, through the Cloudflare API. */
import { anySignal } from "../domain/lib/abort.ts";
import {
  CONFIG_KEY,
  MAX_DOCUMENT_CHARS,
  STOP_KEY,
  serialiseConfig,
  serialiseStop,
} from "../domain/state/documents.ts";
import { rawState, STATE_KEYS } from "../domain/state/state.ts";
import type { CallOptions, StateStore } from "../ports/api.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { Clock } from "../ports/machine.ts";
import { createClock } from "./clock.ts";
import {
  ApiFailure,
  callApi,
  KEY_NOT_FOUND,
  NAMESPACE_NOT_FOUND,
  resultOf,
} from "./cloudflare-call.ts";
import type { CloudflareClient } from "./cloudflare-client.ts";
import type { RetryPolicy } from "./retry.ts";
import { withRetries } from "./retry.ts";

export interface StoreOptions {
  client: CloudflareClient;
  accountId: string;
  namespaceId: string;
  clock?: Pick<Clock, "sleep">;
  /** In [0, 1); for the jitter. */
  random?: () => number;
  limits?: Partial<StoreLimits>;
}

/** Per attempt, connection to last byte. */
interface StoreLimits {
  readMs: number;
  configMs: number;
  /** For the first, second, … attempt of a stop; the last one for all that follow. Growing, so that
   *  a slow line still gets through while a hanging connection is given up early. */
  stopMs: readonly number[];
}

const LIMITS: StoreLimits = { readMs: 5_000, configMs: 10_000, stopMs: [3_000, 5_000, 10_000] };

export const READ: RetryPolicy = {
  retries: 3,
  firstDelayMs: 150,
  maxDelayMs: 2_000,
  retryAfterLimitMs: 5_000,
  beyondLimit: "give-up",
  worthIt: (error) => error.kind === "unavailable",
};

/** Until the signal aborts. Authentication at the API has been seen to fail now and then: once more. */
export const AT_WILL: RetryPolicy = {
  retries: Number.POSITIVE_INFINITY,
  firstDelayMs: 150,
  maxDelayMs: 2_000,
  retryAfterLimitMs: 2_000,
  beyondLimit: "cap",
  worthIt: (error, nth) => {
    if (error.kind === "unavailable" || error.kind === "ambiguous") return true;
    return (error.kind === "auth" || error.kind === "forbidden") && nth === 1;
  },
};

export function createStateStore(options: StoreOptions): StateStore {
  const limits = { ...LIMITS, ...options.limits };
  const deps = (signal: AbortSignal) => ({
    clock: options.clock ?? createClock(),
    random: options.random ?? Math.random,
    signal,
  });
  const writeAtWill = (key: string, text: string, { signal }: CallOptions): Promise<void> =>
    withRetries(
      (nth) => {
        const timeoutMs = limits.stopMs[nth - 1] ?? limits.stopMs.at(-1) ?? limits.configMs;
        return putValue(options, key, text, { signal, timeoutMs });
      },
      AT_WILL,
      deps(signal),
    );
  return {
    async read({ signal, once, configAlone }) {
      const policy = once === true ? { ...READ, retries: 0 } : READ;
      const keys = configAlone === true ? [CONFIG_KEY] : STATE_KEYS;
      const texts = await allOrNone(keys, signal, (key, all) =>
        withRetries(
          () => getValue(options, key, { signal: all, timeoutMs: limits.readMs }),
          policy,
          deps(all),
        ),
      );
      return rawState((key) => texts.get(key) ?? null);
    },
    async writeStop(stop, { signal, once, ...call }) {
      const text = textFor(STOP_KEY, () => serialiseStop(stop));
      if (once !== true) return writeAtWill(STOP_KEY, text, { signal, ...call });
      await putValue(options, STOP_KEY, text, { signal, timeoutMs: limits.configMs });
    },
    async writeConfig(config, { signal, atWill }) {
      const text = textFor(CONFIG_KEY, () => serialiseConfig(config));
      if (atWill === true) return writeAtWill(CONFIG_KEY, text, { signal });
      await putValue(options, CONFIG_KEY, text, { signal, timeoutMs: limits.configMs });
    },
  };
}

/** A document that nobody could read back is our own mistake: it must not pass for a lost answer. */
function textFor(key: string, serialise: () => string): string {
  try {
    return serialise();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `write ${key}: ${why}; nothing was sent`;
    throw new UpstreamError("rejected", message, { cause: error });
  }
}

/** When one read fails for good the others are ended, too: nothing is left running. */
async function allOrNone(
  keys: readonly string[],
  signal: AbortSignal,
  get: (key: string, signal: AbortSignal) => Promise<string | null>,
): Promise<ReadonlyMap<string, string | null>> {
  const others = new AbortController();
  const all = anySignal([signal, others.signal]);
  const failures: unknown[] = [];
  const texts = new Map<string, string | null>();
  const read = async (key: string): Promise<void> => {
    try {
      texts.set(key, await get(key, all));
    } catch (error) {
      failures.push(error);
      others.abort();
    }
  };
  await Promise.all(keys.map(read));
  if (failures.length > 0) throw failures[0];
  return texts;
}

export interface KvPlace {
  client: CloudflareClient;
  accountId: string;
  namespaceId: string;
}

export interface KvCall {
  signal: AbortSignal;
  timeoutMs: number;
}

/** One attempt. Resolves only when the API plainly says success; throws ApiFailure. */
export async function putValue(
  place: KvPlace,
  key: string,
  text: string,
  options: KvCall & { ttlS?: number },
): Promise<void> {
  const call = {
    what: `write ${key}`,
    method: "put" as const,
    path: valuePath(place, key),
    ...(options.ttlS === undefined ? {} : { query: { expiration_ttl: options.ttlS } }),
    body: { text, type: "application/octet-stream" as const },
    signal: options.signal,
    timeoutMs: options.timeoutMs,
  };
  const answer = await callApi(place.client, call).catch((error: unknown) => {
    throw aboutNamespace(error, place);
  });
  resultOf(place.client, call, answer);
}

/** One attempt; null when the API says that the key does not exist. Throws ApiFailure. */
export async function getValue(
  place: KvPlace,
  key: string,
  options: KvCall,
): Promise<string | null> {
  const call = {
    what: `read ${key}`,
    method: "get" as const,
    path: valuePath(place, key),
    ...options,
  };
  try {
    return (await callApi(place.client, call)).text;
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    if (error.status === 404 && error.codes.includes(KEY_NOT_FOUND)) return null;
    // An over-long value is there, and unreadable: the parser must see it as such, not as absent.
    if (error.tooLarge) return " ".repeat(MAX_DOCUMENT_CHARS + 1);
    throw aboutNamespace(error, place);
  }
}

export function namespacePath(place: Pick<KvPlace, "accountId" | "namespaceId">): string {
  const account = encodeURIComponent(place.accountId);
  return `/accounts/${account}/storage/kv/namespaces/${encodeURIComponent(place.namespaceId)}`;
}

export function valuePath(place: Pick<KvPlace, "accountId" | "namespaceId">, key: string): string {
  return `${namespacePath(place)}/values/${encodeURIComponent(key)}`;
}

function aboutNamespace(error: unknown, place: KvPlace): unknown {
  if (!(error instanceof ApiFailure) || !error.codes.includes(NAMESPACE_NOT_FOUND)) return error;
  if (error.kind !== "not-found") return error;
  const message = `${error.message}; is ${place.namespaceId} the namespace id of this account?`;
  return new ApiFailure("not-found", message, { status: error.status, codes: error.codes });
}
