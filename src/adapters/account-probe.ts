/** What `doctor` asks the Cloudflare API beyond the state itself. */
import { randomUUID } from "node:crypto";
import * as z from "zod";
import {
  type AccountProbe,
  type CallOptions,
  NOT_FROM_HERE,
  type TokenFacts,
} from "../ports/api.ts";
import type { Clock } from "../ports/machine.ts";
import { createClock } from "./clock.ts";
import { type ApiAnswer, ApiFailure, callApi, parsed, resultOf } from "./cloudflare-call.ts";
import { getValue, type KvPlace, namespacePath, putValue, valuePath } from "./cloudflare-store.ts";
import type { Secret } from "./secrets.ts";

const CALL_MS = 5_000;
/** The start of the probe key's name. */
export const PROBE_KEY = "pixcanary-doctor-probe";
/** The shortest life that KV allows. */
const PROBE_TTL_S = 60;
/** A read-back may for a moment show the value from before. */
const READ_BACKS = 4;
const READ_BACK_PAUSE_MS = 250;

export interface AccountProbeOptions extends KvPlace {
  token: Secret;
  clock?: Pick<Clock, "sleep">;
}

const tokenSchema = z.object({
  status: z.string().max(100),
  expires_on: z.string().max(100).nullish(),
  not_before: z.string().max(100).nullish(),
});
const namespaceSchema = z.object({ title: z.string().max(1_000) });
const accountsSchema = z.array(z.object({ id: z.string().max(100) }));

/** As many as the API lists at once. */
const ACCOUNTS = 50;

/** "Cannot use the access token from location: …"; the same code says "Unauthorized to access requested resource". */
const OTHER_ADDRESS = { code: 9109, words: /from location/i };

/** One attempt per call; all methods throw UpstreamError. */
export function createAccountProbe(options: AccountProbeOptions): AccountProbe {
  return {
    token: (call) => verifyToken(options, call),
    async namespace({ signal }) {
      const what = "read the namespace";
      const { result } = await ask(options, what, namespacePath(options), signal);
      return { title: parsed(what, namespaceSchema, result).title };
    },
    writable: (call) => proveWritable(options, call),
    async accounts({ signal }) {
      const path = `/accounts?per_page=${ACCOUNTS}`;
      const { result } = await ask(options, "list the accounts", path, signal);
      const found = accountsSchema.catch([]).parse(result);
      return found.length < ACCOUNTS ? found.map(({ id }) => id) : [];
    },
    async tails(worker, { signal }) {
      const scripts = `/accounts/${encodeURIComponent(options.accountId)}/workers/scripts`;
      const path = `${scripts}/${encodeURIComponent(worker)}/tails`;
      await ask(options, `list the tails of ${worker}`, path, signal);
    },
    async logJobs(call) {
      const { createAccountAdmin } = await import("./account-admin.ts");
      const clock = options.clock ?? createClock();
      return createAccountAdmin({ ...options, clock }).logJobs(call);
    },
  };
}

/** The endpoint for users' tokens answers 401 for a valid token that belongs to an account. */
async function verifyToken(
  options: AccountProbeOptions,
  { signal }: CallOptions,
): Promise<TokenFacts> {
  const userPath = "/user/tokens/verify";
  const accountPath = `/accounts/${encodeURIComponent(options.accountId)}/tokens/verify`;
  const value = options.token.reveal();
  if (value.startsWith("cfat_")) return await verifyAt(options, accountPath, signal);
  try {
    return await verifyAt(options, userPath, signal);
  } catch (error) {
    const maybeAccounts = error instanceof ApiFailure && error.kind === "auth";
    if (!maybeAccounts || value.startsWith("cfut_")) throw error;
    return await verifyAt(options, accountPath, signal);
  }
}

async function verifyAt(
  options: AccountProbeOptions,
  path: string,
  signal: AbortSignal,
): Promise<TokenFacts> {
  try {
    const what = "verify the token";
    const { result, answer } = await ask(options, what, path, signal);
    const token = parsed(what, tokenSchema, result);
    const { status, expires_on: expiresOn = null, not_before: notBefore = null } = token;
    return { status, expiresOn, notBefore, budget: budgetOf(answer) };
  } catch (error) {
    const { code, words } = OTHER_ADDRESS;
    const elsewhere = error instanceof ApiFailure && error.codes.includes(code);
    if (!elsewhere || !words.test(error.message)) throw error;
    return { status: NOT_FROM_HERE, expiresOn: null };
  }
}

/** Of `Ratelimit: "default";r=50;t=30`: so many requests are left for so many seconds. */
function budgetOf({ header }: ApiAnswer): NonNullable<TokenFacts["budget"]> | null {
  const text = header("ratelimit") ?? "";
  const [left, resetS] = ["r", "t"].map((name) => {
    const found = new RegExp(`;\\s*${name}=(\\d{1,9})(?:\\D|$)`).exec(text);
    return found === null ? null : Number(found[1]);
  });
  return left == null || resetS == null ? null : { left, resetS };
}

/**
 * A key of its own for each run: KV takes one write per key and second. It is deleted whatever
 * happens; should that fail, it expires by itself, which is no reason to call the namespace sick.
 */
async function proveWritable(
  options: AccountProbeOptions,
  { signal }: CallOptions,
): Promise<"read-back" | "written"> {
  const value = randomUUID();
  const key = `${PROBE_KEY}-${value}`;
  const call = { signal, timeoutMs: CALL_MS };
  await putValue(options, key, value, { ...call, ttlS: PROBE_TTL_S });
  try {
    await readBack(options, { key, value }, call);
    return "read-back";
  } catch (error) {
    if (signal.aborted) return "written";
    throw error;
  } finally {
    await remove(options, key, signal).catch(() => undefined);
  }
}

async function readBack(
  options: AccountProbeOptions,
  { key, value }: { key: string; value: string },
  call: { signal: AbortSignal; timeoutMs: number },
): Promise<void> {
  const clock = options.clock ?? createClock();
  for (let nth = 1; nth <= READ_BACKS; nth += 1) {
    if ((await getValue(options, key, call)) === value) return;
    if (nth < READ_BACKS) await clock.sleep(READ_BACK_PAUSE_MS, call.signal).catch(() => undefined);
  }
  throw new ApiFailure("unavailable", `${key}: written, but reads do not show it`);
}

async function remove(
  options: AccountProbeOptions,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const path = valuePath(options, key);
  const call = {
    what: `delete ${key}`,
    method: "delete" as const,
    path,
    signal,
    timeoutMs: CALL_MS,
  };
  resultOf(options.client, call, await callApi(options.client, call));
}

async function ask(
  options: AccountProbeOptions,
  what: string,
  path: string,
  signal: AbortSignal,
): Promise<{ result: unknown; answer: ApiAnswer }> {
  const call = { what, method: "get" as const, path, signal, timeoutMs: CALL_MS };
  const answer = await callApi(options.client, call);
  return { result: resultOf(options.client, call, answer), answer };
}
