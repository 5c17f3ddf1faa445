/**
 * Who may stop through the Worker itself: an operator whose signature verifies, for this environment, now. What is
 * refused before that says nothing of why.
 */
import {
  MAX_STOP_BYTES,
  OPERATOR_HEADER,
  parseStopMessage,
  SIGNATURE_HEADER,
  type StopMessage,
  signedBytes,
} from "../../src/domain/signed-stop/message.ts";
import { isOfNow } from "../../src/domain/signed-stop/window.ts";
import { withLimit } from "../limit.ts";
import { isWithinLimit } from "../qa/admission.ts";
import { networkOf } from "../qa/guess-limit.ts";
import type { StopDoor } from "./door.ts";

export type StopAdmission =
  | { kind: "admitted"; message: StopMessage; by: string }
  | { kind: "wrong-method" }
  | { kind: "too-large" }
  /** The body never came to its end. */
  | { kind: "incomplete" }
  | { kind: "limited"; retryAfterS: number }
  /** Unknown name, wrong key, another body than was signed, no message at all: one answer. */
  | { kind: "refused" }
  /** Signed by an operator, yet not for here, or not of now. */
  | { kind: "other-environment" }
  | { kind: "other-time" };

const READ_LIMIT_MS = 5_000;
/** Of the rate limits in wrangler.jsonc. */
const RATE_PERIOD_S = 60;

/** Never throws. The body is read up to its limit, and nothing is verified for an address over its own. */
export async function admitStop(
  request: Request,
  limiter: RateLimit | undefined,
  { signatures, environment, now }: StopDoor,
): Promise<StopAdmission> {
  if (request.method !== "POST") return { kind: "wrong-method" };
  const body = await bodyOf(request);
  if (typeof body === "string") return { kind: body };
  const address = request.headers.get("cf-connecting-ip");
  if (!(await isWithinLimit(limiter, `stop ${networkOf(address)}`))) {
    return { kind: "limited", retryAfterS: RATE_PERIOD_S };
  }
  const name = request.headers.get(OPERATOR_HEADER) ?? "";
  const signature = request.headers.get(SIGNATURE_HEADER) ?? "";
  const by = await signatures.signer(name, signedBytes(body), signature);
  const message = by === null ? null : parseStopMessage(body);
  // Nobody is kept out for wrong ones: a signature cannot be guessed, and who shares an office's address may have to stop.
  if (by === null || message === null) return { kind: "refused" };
  if (message.environment !== environment) return { kind: "other-environment" };
  return isOfNow(message, now()) ? { kind: "admitted", message, by } : { kind: "other-time" };
}

/** Whole, or why not. */
async function bodyOf(
  request: Request,
): Promise<Uint8Array<ArrayBuffer> | "too-large" | "incomplete"> {
  const { body } = request;
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  const leave = (why: "too-large" | "incomplete") => {
    void reader.cancel().catch(() => undefined);
    return why;
  };
  if (Number(request.headers.get("content-length")) > MAX_STOP_BYTES) return leave("too-large");
  try {
    return (
      (await withLimit("body", READ_LIMIT_MS, readUpTo(reader, MAX_STOP_BYTES))) ??
      leave("too-large")
    );
  } catch {
    return leave("incomplete");
  }
}

/** Null when there is more. */
async function readUpTo(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(maxBytes);
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return bytes.slice(0, size);
    if (size + value.length > maxBytes) return null;
    bytes.set(value, size);
    size += value.length;
  }
}
