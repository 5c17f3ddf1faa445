/** What `doctor` asks the Cloudflare API beyond the state itself. */
import { randomUUID } from "node:crypto";
import * as z from "zod";
import type { AccountProbe, CallOptions } from "../ports/api.ts";
import type { Clock } from "../ports/machine.ts";
import { createClock } from "./clock.ts";
import { ApiFailure, callApi, resultOf } from "./cloudflare-call.ts";
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
});
const namespaceSchema = z.object({ title: z.string().max(1_000) });

/** One attempt per call; all methods throw UpstreamError. */
export function createAccountProbe(options: AccountProbeOptions): AccountProbe {
  return {
    token: (call) => verifyToken(options, call),
    async namespace({ signal }) {
      const result = await ask(options, "read the namespace", namespacePath(options), signal);
      const parsed = namespaceSchema.safeParse(result);
      if (!parsed.success) throw unexpected("read the namespace");
      return { title: parsed.data.title };
    },
    writable: (call) => proveWritable(options, call),
  };
}

type TokenStatus = Awaited<ReturnType<AccountProbe["token"]>>;

/** The endpoint for users' tokens answers 401 for a valid token that belongs to an account. */
async function verifyToken(
  options: AccountProbeOptions,
  { signal }: CallOptions,
): Promise<TokenStatus> {
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
): Promise<TokenStatus> {
  const result = await ask(options, "verify the token", path, signal);
  const parsed = tokenSchema.safeParse(result);
  if (!parsed.success) throw unexpected("verify the token");
  return { status: parsed.data.status, expiresOn: parsed.data.expires_on ?? null };
}

/**
 * A key of its own for each run: KV takes one write per key and second. It is deleted whatever
 * happens; should that fail, it expires by itself, which is no reason to call the namespace sick.
 */
async function proveWritable(options: AccountProbeOptions, { signal }: CallOptions): Promise<void> {
  const value = randomUUID();
  const key = `${PROBE_KEY}-${value}`;
  const call = { signal, timeoutMs: CALL_MS };
  await putValue(options, key, value, { ...call, ttlS: PROBE_TTL_S });
  try {
    await readBack(options, { key, value }, call);
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
): Promise<unknown> {
  const call = { what, method: "get" as const, path, signal, timeoutMs: CALL_MS };
  const answer = await callApi(options.client, call);
  return resultOf(options.client, call, answer);
}

function unexpected(what: string): ApiFailure {
  return new ApiFailure("unavailable", `${what}: the API's answer has an unexpected form`);
}
