/**
 * The signed stop that a Worker takes at `POST /qa/stop`, as its sender and the Worker agree on it. It can ask for
 * one thing only: there is no field by which it could release a stop or raise a share.
 */
import * as z from "zod";
import { once } from "../lib/lazy.ts";

/** Behind the path of `/qa`. */
export const STOP_PATH = "/stop";
export const OPERATOR_HEADER = "X-Pix-Operator";
export const SIGNATURE_HEADER = "X-Pix-Signature";
export const MAX_STOP_BYTES = 2_048;
/** Signed in front of the body: a signature made for anything else is none here. */
const CONTEXT = "pixcanary-stop-v1\n";
const MAX_REASON_CHARS = 500;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
/** RFC 3339 in UTC. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

export interface StopMessage {
  v: 1;
  /** Of the stop, a ULID: the same in each message about it. */
  id: string;
  /** When the stop began, by its sender's clock: the `at` of the stop's document. RFC 3339, UTC. */
  at: string;
  /**
   * When this message was made, RFC 3339, UTC: it alone has to be within the window. Corrected by the Worker's clock
   * it leaves `at` as it is, so that the stop is the same text whichever way it took, and one release ends it.
   */
  sent_at: string;
  reason: string | null;
  /** The environment's name in `pixcanary.json`. */
  environment: string;
}

const schema = once((): z.ZodType<StopMessage> => {
  const time = z
    .string()
    .regex(TIME)
    .refine((text) => Number.isFinite(Date.parse(text)));
  return z.strictObject({
    v: z.literal(1),
    id: z.string().regex(ULID),
    at: time,
    sent_at: time,
    reason: z.string().max(MAX_REASON_CHARS).nullable(),
    environment: z.string().min(1).max(64),
  });
});

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What is signed, and verified, for this body. */
export function signedBytes(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const context = encoder.encode(CONTEXT);
  const bytes = new Uint8Array(context.length + body.length);
  bytes.set(context);
  bytes.set(body, context.length);
  return bytes;
}

/** Of at most MAX_STOP_BYTES: a reason that does not fit is cut, as a stop without all of it beats none. */
export function bodyOf(message: StopMessage): Uint8Array<ArrayBuffer> {
  let chars = [...(message.reason ?? "")].slice(0, MAX_REASON_CHARS - 1);
  for (;;) {
    const reason = message.reason === null ? null : chars.join("");
    const body = new Uint8Array(encoder.encode(JSON.stringify({ ...message, reason })));
    if (body.length <= MAX_STOP_BYTES || chars.length === 0) return body;
    chars = chars.slice(0, Math.floor(chars.length * 0.9));
  }
}

/** Null for what is no such message: another field, another form, too long, no UTF-8. Never throws. */
export function parseStopMessage(body: Uint8Array): StopMessage | null {
  if (body.length > MAX_STOP_BYTES) return null;
  try {
    return schema().safeParse(JSON.parse(decoder.decode(body))).data ?? null;
  } catch {
    return null;
  }
}
