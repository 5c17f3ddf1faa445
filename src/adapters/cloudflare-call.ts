/** One call to the Cloudflare API: sent once, bounded, and every failure turned into UpstreamError. */

import * as z from "zod";
import { anySignal } from "../domain/lib/abort.ts";
import { UpstreamError, type UpstreamKind } from "../ports/errors.ts";
import type { CloudflareClient } from "./cloudflare-client.ts";
import { readCapped, textOf } from "./http.ts";
import { permissionFor } from "./permissions.ts";
import type { RawAnswer } from "./raw-get.ts";
import { remoteText } from "./redact.ts";
import { NeverSent, type TransportError, toTransportError } from "./transport.ts";

export interface ApiCall {
  /** For messages: "write stop", "read the namespace". */
  what: string;
  method: "get" | "put" | "post" | "delete";
  path: string;
  query?: Record<string, string | number>;
  /** Sent as it is. */
  body?: { text: string; type: "application/octet-stream" | "application/json" | "text/plain" };
  /** For this attempt, connection to last byte. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface ApiAnswer {
  status: number;
  header(name: string): string | null;
  text: string;
}

/** Enough for a hundred journal entries; more is not an answer we asked for. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export const KEY_NOT_FOUND = 10009;
export const NAMESPACE_NOT_FOUND = 10013;

/** An UpstreamError that still knows the API's own codes. */
export class ApiFailure extends UpstreamError {
  readonly codes: readonly number[];
  readonly tooLarge: boolean;
  constructor(
    kind: UpstreamKind,
    message: string,
    details: {
      status?: number | null;
      retryAfterMs?: number | null;
      codes?: readonly number[];
      tooLarge?: boolean;
    } = {},
  ) {
    super(kind, message, details);
    this.codes = details.codes ?? [];
    this.tooLarge = details.tooLarge ?? false;
  }
}

/** The answer of any 2xx, unread. Throws ApiFailure. */
export async function callApi(client: CloudflareClient, call: ApiCall): Promise<ApiAnswer> {
  if (call.signal.aborted) throw cancelledBefore(call);
  const limit = AbortSignal.timeout(call.timeoutMs);
  const answer = await exchange(client, call, limit).catch((error: unknown) => {
    throw toFailure(error, client, call, limit);
  });
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw fromStatus(answer, client, call);
}

async function exchange(
  { send }: CloudflareClient,
  { method, path, query = {}, body, signal }: ApiCall,
  limit: AbortSignal,
): Promise<ApiAnswer> {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) words.set(name, String(value));
  const { status, header, ...answer } = await send({
    method: method.toUpperCase(),
    path: words.size === 0 ? path : `${path}?${words}`,
    ...(body === undefined ? {} : { body: body.text, headers: { "content-type": body.type } }),
    signal: anySignal([signal, limit]),
  });
  return { status, header, text: textOf(await readCapped(answer.body, MAX_ANSWER_BYTES)) };
}

/** A GET whose body is not held in memory: 200 and 206 are answers. */
export interface StreamCall {
  what: string;
  path: string;
  headers?: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** Throws ApiFailure, also while the body is read. */
export async function streamApi(client: CloudflareClient, call: StreamCall): Promise<RawAnswer> {
  const asGet = { what: call.what, method: "get" as const, path: call.path };
  if (call.signal.aborted) throw cancelledBefore(asGet);
  let answer: RawAnswer;
  try {
    answer = await client.rawGet(call);
  } catch (error) {
    throw streamFailure(error, client, asGet);
  }
  const { status, header, chunks } = answer;
  if (status !== 200 && status !== 206) {
    const text = await readText(chunks).catch(() => "");
    throw fromStatus({ status, header, text }, client, asGet);
  }
  return { status, header, chunks: guardedChunks(chunks, client, asGet) };
}

async function* guardedChunks(
  chunks: RawAnswer["chunks"],
  client: CloudflareClient,
  call: FailedCall,
): RawAnswer["chunks"] {
  try {
    yield* chunks;
  } catch (error) {
    throw streamFailure(error, client, call);
  }
}

function streamFailure(error: unknown, client: CloudflareClient, call: FailedCall): ApiFailure {
  return fromTransport(toTransportError(error, client.redact), call);
}

const MAX_ERROR_BYTES = 64 * 1024;

async function readText(chunks: RawAnswer["chunks"]): Promise<string> {
  const kept: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    kept.push(chunk);
    size += chunk.byteLength;
    if (size > MAX_ERROR_BYTES) break;
  }
  return Buffer.concat(kept).toString("utf8");
}

function cancelledBefore(call: Pick<ApiCall, "what">): ApiFailure {
  return new ApiFailure("unavailable", `${call.what}: cancelled before anything was sent`);
}

const envelopeSchema = z.object({
  success: z.boolean(),
  errors: z.array(z.unknown()).nullish(),
  result: z.unknown().optional(),
});

const apiErrorSchema = z.object({ code: z.number(), message: z.string().catch("") });

/** The `result` of a JSON answer. Throws ApiFailure unless the API plainly says success. */
export function resultOf(client: CloudflareClient, call: ApiCall, answer: ApiAnswer): unknown {
  const read = envelopeSchema.safeParse(parseJson(answer.text));
  if (!read.success) {
    const message = `${call.what}: HTTP ${answer.status}, but the answer is not the API's`;
    throw new ApiFailure(lostAnswer(call), message, { status: answer.status });
  }
  if (read.data.success) return read.data.result;
  const errors = apiErrors(read.data.errors);
  const message = `${call.what}: refused by the API${words(client, errors)}`;
  // A 2xx that says no contradicts itself: a write may have been committed all the same.
  const kind = call.method === "put" || call.method === "delete" ? "ambiguous" : "rejected";
  throw new ApiFailure(kind, message, { status: answer.status, codes: codesOf(errors) });
}

/** What an answer's result has to be. Throws ApiFailure. */
export function parsed<T>(what: string, schema: z.ZodType<T>, result: unknown): T {
  const read = schema.safeParse(result);
  if (read.success) return read.data;
  throw new ApiFailure("unavailable", `${what}: the API's answer has an unexpected form`);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a failure is told about. */
type FailedCall = Pick<ApiCall, "what" | "method" | "path">;

function toFailure(
  error: unknown,
  client: CloudflareClient,
  call: ApiCall,
  limit: AbortSignal,
): ApiFailure {
  const kind = error instanceof NeverSent ? "unavailable" : lostAnswer(call);
  const over = (why: string): ApiFailure => new ApiFailure(kind, `${call.what}: ${why}`);
  if (call.signal.aborted) return over("stopped waiting for the answer");
  if (limit.aborted) return over("no complete answer within the time limit");
  return fromTransport(toTransportError(error, client.redact), call);
}

function fromTransport(error: TransportError, call: FailedCall): ApiFailure {
  const kind = error.phase === "before-sending" ? "unavailable" : lostAnswer(call);
  return new ApiFailure(kind, `${call.what}: ${error.words}`, { tooLarge: error.tooLarge });
}

function fromStatus(answer: ApiAnswer, client: CloudflareClient, call: FailedCall): ApiFailure {
  const { status } = answer;
  const body = z.object({ errors: z.array(z.unknown()) }).safeParse(parseJson(answer.text));
  const errors = body.success ? apiErrors(body.data.errors) : [];
  const codes = codesOf(errors);
  const kind = kindOf(status, codes, call);
  const said = errors.length > 0 ? words(client, errors) : plainWords(client, answer);
  // Of a token that is not accepted, the API's own words name headers.
  const what = kind === "auth" ? TOKEN_REFUSED : `${statusWords(status, kind, call)}${said}`;
  const message = `${call.what}: HTTP ${status}${what}`;
  return new ApiFailure(kind, message, {
    status,
    retryAfterMs: retryAfterMs(answer),
    codes,
  });
}

/** "Invalid request headers" and "invalid format for Authorization header": a token of no known form. */
const MALFORMED_TOKEN = [6003, 6111];
/** "Please enable R2 through the Cloudflare Dashboard", with status 403: no token could do it. */
const NO_R2 = 10042;

/** The HTTP status decides; the API's own codes are not documented well enough to, with two exceptions. */
function kindOf(status: number, codes: readonly number[], call: FailedCall): UpstreamKind {
  if (status === 400 && codes.some((code) => MALFORMED_TOKEN.includes(code))) return "auth";
  if (status === 401) return "auth";
  if (status === 403) return codes.includes(NO_R2) ? "rejected" : "forbidden";
  if (status === 404) return "not-found";
  if (status === 408 || status === 425 || status === 429) return "unavailable";
  return status >= 500 ? lostAnswer(call) : "rejected";
}

/** Reading changes nothing, so a lost answer to it is never ambiguous. */
function lostAnswer(call: Pick<ApiCall, "method">): UpstreamKind {
  return call.method === "put" || call.method === "delete" ? "ambiguous" : "unavailable";
}

const TOKEN_REFUSED = " (the token is not accepted)";

function statusWords(status: number, kind: UpstreamKind, { method, path }: FailedCall): string {
  if (kind === "forbidden") {
    const permission = permissionFor(method, path);
    return ` (the token may not do this${permission === null ? "" : `; it needs ${permission}`})`;
  }
  if (status === 429) return " (too many requests)";
  return status >= 300 && status < 400 ? " (a redirect, not followed)" : "";
}

type ApiError = z.output<typeof apiErrorSchema>;

function apiErrors(list: readonly unknown[] | null | undefined): ApiError[] {
  return (list ?? []).slice(0, 5).flatMap((item) => {
    const parsed = apiErrorSchema.safeParse(item);
    return parsed.success ? [parsed.data] : [];
  });
}

function codesOf(errors: readonly ApiError[]): number[] {
  return errors.map((error) => error.code);
}

function words(client: CloudflareClient, errors: readonly ApiError[]): string {
  if (errors.length === 0) return "";
  return `: ${errors.map((e) => `${remoteText(client.redact, e.message)} [${e.code}]`).join("; ")}`;
}

/** The SQL API words its refusals in plain text. */
function plainWords(client: CloudflareClient, { header, text }: ApiAnswer): string {
  if (header("content-type")?.startsWith("text/plain") !== true) return "";
  return text.trim() === "" ? "" : `: ${remoteText(client.redact, text)}`;
}

/** Seconds or a date; only where it means "later", never negative. */
function retryAfterMs({ header, status }: ApiAnswer): number | null {
  const value = header("retry-after");
  if (value === null || (status !== 429 && status < 500)) return null;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
