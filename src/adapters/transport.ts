/** What can go wrong below HTTP, in plain words and with the one fact that matters: was it sent? */
import type { Redact } from "./redact.ts";
import { remoteText } from "./redact.ts";

/**
 * `before-sending` is claimed only where it is certain; everything else may have reached the server.
 */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly phase: "before-sending" | "maybe-sent";
  /** For people. */
  readonly words: string;
  readonly tooLarge: boolean;
  constructor(
    phase: TransportError["phase"],
    words: string,
    options: { tooLarge?: boolean; cause?: unknown } = {},
  ) {
    super("transport failure", { cause: options.cause });
    this.phase = phase;
    this.words = words;
    this.tooLarge = options.tooLarge ?? false;
  }
}

/** There never was a connection to send it through. */
export class NeverSent extends Error {
  override readonly name = "NeverSent";
}

export function toTransportError(error: unknown, redact: Redact): TransportError {
  if (error instanceof TransportError) return error;
  const phase = error instanceof NeverSent ? "before-sending" : "maybe-sent";
  return new TransportError(phase, networkWords(error, redact));
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "the host name cannot be found (DNS)",
  EAI_AGAIN: "no answer from DNS",
  EHOSTUNREACH: "the host cannot be reached (no route)",
  ENETUNREACH: "the network cannot be reached",
  EADDRNOTAVAIL: "no local address to connect from",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "the connection timed out",
  ERR_STREAM_PREMATURE_CLOSE: "the connection was closed before the answer was complete",
  HPE_HEADER_OVERFLOW: "the answer's headers are too long",
};

const CERTIFICATE =
  /^(CERT_|CRL_|ERR_TLS_CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

/** How Node words it when the other side closed the connection before, or within, the answer. */
const LEFT = /^(socket hang up|aborted)$/;

interface Leaf {
  code: string;
  message: string;
}

/** Follows causes and aggregates down to the errors that started it, at most 20. */
function leaves(error: unknown, depth = 0): Leaf[] {
  if (!(error instanceof Error) || depth > 5) return [];
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.slice(0, 20).flatMap((part) => leaves(part, depth + 1));
  }
  const below = leaves(error.cause, depth + 1);
  if (below.length > 0) return below;
  const { code = "" } = error as NodeJS.ErrnoException;
  return [{ code, message: error.message }];
}

/** A network error for people: no stack, no code where words do. */
export function networkWords(error: unknown, redact: Redact): string {
  if (error instanceof TransportError) return error.words;
  const [first] = leaves(error);
  if (first === undefined) return "the connection failed";
  if (CERTIFICATE.test(first.code)) return `the TLS certificate is not accepted (${first.code})`;
  if (LEFT.test(first.message)) return "the connection was closed before the answer was complete";
  if (first.code.startsWith("HPE_") && WORDS[first.code] === undefined)
    return "the answer is not HTTP";
  if (/^(ERR_SSL_|EPROTO$)/.test(first.code)) return `no TLS connection (${first.code})`;
  return (
    WORDS[first.code] ?? `the connection failed: ${remoteText(redact, first.code || first.message)}`
  );
}
