/** What can go wrong below HTTP, in plain words and with the one fact that matters: was it sent? */
import type { Redact } from "./redact.ts";
import { remoteText } from "./redact.ts";

/**
 * `before-sending` is claimed only where it is certain; everything else may have reached the server.
 * The message must not speak of time-outs: the SDK looks for that word and drops the cause.
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

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "the host name cannot be found (DNS)",
  EAI_AGAIN: "no answer from DNS",
  EHOSTUNREACH: "the host cannot be reached (no route)",
  ENETUNREACH: "the network cannot be reached",
  EADDRNOTAVAIL: "no local address to connect from",
  UND_ERR_CONNECT_TIMEOUT: "no connection within the time limit",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  ETIMEDOUT: "the connection timed out",
  UND_ERR_SOCKET: "the connection was closed before the answer was complete",
  UND_ERR_HEADERS_TIMEOUT: "no answer within the time limit",
  UND_ERR_BODY_TIMEOUT: "the answer broke off",
  UND_ERR_HEADERS_OVERFLOW: "the answer's headers are too long",
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "the answer is too long",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the answer was cut off",
};

/** Raised while connecting, so no byte of the request has left. */
const BEFORE_SENDING = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
  "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
  "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
]);

const CERTIFICATE =
  /^(CERT_|CRL_|ERR_TLS_CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

interface Leaf {
  code: string;
  syscall: string;
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
  const { code, syscall } = error as NodeJS.ErrnoException;
  return [{ code: code ?? "", syscall: syscall ?? "", message: error.message }];
}

/** Certain that nothing was sent: every underlying error belongs to the setting up of a connection. */
export function failedBeforeSending(error: unknown): boolean {
  const all = leaves(error);
  return all.length > 0 && all.every(isConnecting);
}

function isConnecting({ code, syscall }: Leaf): boolean {
  if (syscall === "connect" || syscall === "getaddrinfo") return true;
  return BEFORE_SENDING.has(code) || CERTIFICATE.test(code);
}

/** A network error for people: no stack, no code where words do. */
export function networkWords(error: unknown, redact: Redact): string {
  if (error instanceof TransportError) return error.words;
  const [first] = leaves(error);
  if (first === undefined) return "the connection failed";
  if (CERTIFICATE.test(first.code)) return `the TLS certificate is not accepted (${first.code})`;
  if (first.code.startsWith("ERR_SSL_")) return `no TLS connection (${first.code})`;
  return (
    WORDS[first.code] ?? `the connection failed: ${remoteText(redact, first.code || first.message)}`
  );
}
