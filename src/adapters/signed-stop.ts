/** Sends a signed stop to a Worker's `/qa/stop`. The key is read when it is first needed. */
import { isSafeQaUrl } from "../domain/config/environment.ts";
import type { OperatorSettings } from "../domain/config/operator.ts";
import { anySignal, unlessAborted } from "../domain/lib/abort.ts";
import {
  carriersOf,
  lackingIn,
  problemsIn,
  stopAnswerSchema,
  stopRefusalSchema,
} from "../domain/signed-stop/answer.ts";
import {
  bodyOf,
  OPERATOR_HEADER,
  SIGNATURE_HEADER,
  STOP_PATH,
  type StopMessage,
  signedBytes,
} from "../domain/signed-stop/message.ts";
import { timesBy } from "../domain/signed-stop/window.ts";
import { LocalError, UpstreamError } from "../ports/errors.ts";
import type { Clock } from "../ports/machine.ts";
import type { SentStop, StopSender } from "../ports/signed-stop.ts";
import { parseJson } from "./cloudflare-call.ts";
import { readCapped, type Send, send as sendByNode, textOf } from "./http.ts";
import type { KeyPlaces, OperatorKey } from "./operator-key.ts";
import { type Redact, remoteText } from "./redact.ts";
import { toTransportError } from "./transport.ts";

/** The Worker has 3 s for a carrier that does not answer, and says so then. */
export const SEND_MS = 4_500;
/** An agent may ask its owner. */
export const KEY_MS = 3_000;
const MAX_BODY_BYTES = 64 * 1024;

export interface StopSenderOptions {
  operator: OperatorSettings;
  /** The environment's name, which is signed with the stop. */
  environment: string;
  places: KeyPlaces;
  clock: Pick<Clock, "now" | "timeout">;
  version: string;
  redact: Redact;
  send?: Send;
}

export function createStopSender(options: StopSenderOptions): StopSender {
  const { operator, environment, places, clock } = options;
  let opened: Promise<OperatorKey> | null = null;
  const key = (signal: AbortSignal): Promise<OperatorKey> => {
    // Apart, as most commands sign nothing.
    opened ??= import("./operator-key.ts").then(({ openOperatorKey }) =>
      openOperatorKey(operator, places),
    );
    return withinLimit(opened, anySignal([signal, clock.timeout(KEY_MS)]));
  };
  return {
    operator: operator.name,
    async publicKey(signal) {
      return Buffer.from((await key(signal)).publicKey).toString("base64");
    },
    async send({ id, at, reason }, qaUrl, { signal }) {
      const url = stopUrlOf(qaUrl);
      if (url === null) throw new UpstreamError("rejected", "not a valid /qa URL");
      const signer = await key(signal);
      const post = (message: StopMessage) => postSigned(message, { url, signer, signal, options });
      const sent_at = new Date(clock.now()).toISOString();
      const message: StopMessage = { v: 1, id, at, sent_at, reason, environment };
      const first = await post(message);
      if ("kind" in first) return first;
      const second = await post({ ...message, ...timesBy(first.serverMs, message) });
      if ("kind" in second) return second;
      throw new UpstreamError("rejected", "its clock and ours differ, even by its own time");
    },
  };
}

/** Null for what relief keeps although it is no address. */
function stopUrlOf(qaUrl: string): URL | null {
  if (!isSafeQaUrl(qaUrl)) return null;
  const url = new URL(qaUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${STOP_PATH}`;
  url.search = "";
  return url;
}

interface Posting {
  url: URL;
  signer: OperatorKey;
  signal: AbortSignal;
  options: StopSenderOptions;
}

/** `serverMs`: the Worker refuses our clock, this is its own. */
async function postSigned(
  message: StopMessage,
  { url, signer, signal, options }: Posting,
): Promise<SentStop | { serverMs: number }> {
  const { clock, operator, version, redact, send = sendByNode } = options;
  const body = bodyOf(message);
  const signing = signer.sign(signedBytes(body));
  const signature = await withinLimit(signing, anySignal([signal, clock.timeout(KEY_MS)]));
  const limit = anySignal([signal, clock.timeout(SEND_MS)]);
  try {
    const answer = await send({
      method: "POST",
      at: url,
      path: url.pathname,
      signal: limit,
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        "user-agent": `pixcanary/${version}`,
        [OPERATOR_HEADER]: operator.name,
        [SIGNATURE_HEADER]: Buffer.from(signature).toString("base64"),
      },
      body: new TextDecoder().decode(body),
    });
    const text = textOf(await readCapped(answer.body, MAX_BODY_BYTES));
    return read({ status: answer.status, text, id: message.id }, redact);
  } catch (error) {
    if (error instanceof UpstreamError) throw error;
    throw lost(error, limit, redact);
  }
}

/** Without an answer nobody knows, unless it never was sent. */
function lost(error: unknown, limit: AbortSignal, redact: Redact): UpstreamError {
  const { phase, words } = toTransportError(error, redact);
  const kind = phase === "before-sending" ? "unavailable" : "ambiguous";
  const why = limit.aborted ? "no answer in time" : words;
  return new UpstreamError(kind, why, { cause: error });
}

function read(
  { status, text, id }: { status: number; text: string; id: string },
  redact: Redact,
): SentStop | { serverMs: number } {
  const raw = parseJson(text);
  if (status === 200) {
    const answer = stopAnswerSchema().safeParse(raw).data;
    if (answer === undefined || answer.stop.id !== id) {
      throw new UpstreamError("rejected", "the answer is not that of the canary Worker", {
        status,
      });
    }
    if ("released" in answer) return { kind: "released" };
    const { written } = answer;
    return { kind: "written", carriers: carriersOf(written), lacking: lackingIn(written) };
  }
  const refusal = stopRefusalSchema().safeParse(raw).data;
  if (status === 409 && refusal?.error === "clock") {
    const serverMs = Date.parse(refusal.server_time ?? "");
    if (Number.isFinite(serverMs)) return { serverMs };
  }
  if (status === 503 && refusal?.written !== undefined) {
    const why = remoteText(redact, problemsIn(refusal.written), 200);
    throw new UpstreamError("unavailable", `no carrier took it (${why})`, { status });
  }
  throw refusedWith(status, refusal?.error);
}

function refusedWith(status: number, error: string | undefined): UpstreamError {
  const http = `HTTP ${status}`;
  if (status === 401) {
    return new UpstreamError("auth", `the signature was refused (${http})`, { status });
  }
  if (status === 409 && error === "environment") {
    return new UpstreamError("rejected", `it serves another environment (${http})`, { status });
  }
  if (status === 404)
    return new UpstreamError("not-found", `no /qa/stop there (${http})`, { status });
  if (status === 429) return new UpstreamError("unavailable", `rate limited (${http})`, { status });
  const kind = status >= 500 ? "ambiguous" : "rejected";
  return new UpstreamError(kind, `answered ${http}`, { status });
}

/** Throws LocalError when it takes longer: the key is on this machine. */
function withinLimit<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return unlessAborted(work, signal, () => {
    throw new LocalError("the operator key did not answer in time");
  });
}
