/** How the world says no. */

/**
 * How a call to the Cloudflare API ended badly.
 * `ambiguous`: sent, but the answer was lost; the write may have been committed.
 * `deadline`: our own budget ended before anything was answered, in a call that changes nothing.
 * `unavailable`: nothing was done (refused, never reached the API, or a clear "try later").
 */
export type UpstreamKind =
  | "auth"
  | "forbidden"
  | "not-found"
  | "rejected"
  | "unavailable"
  | "deadline"
  | "ambiguous";

export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  readonly kind: UpstreamKind;
  /** HTTP status, or null when there was no answer. */
  readonly status: number | null;
  /** What the API asked us to wait, if it did. */
  readonly retryAfterMs: number | null;
  constructor(
    kind: UpstreamKind,
    message: string,
    details: { status?: number | null; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.kind = kind;
    this.status = details.status ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** This machine refused: a folder, a file, the disk. The message is for people. */
export class LocalError extends Error {
  override readonly name = "LocalError";
  /** What to type against it, where one command is enough. */
  readonly fix: string | null;
  constructor(
    message: string,
    { fix = null, ...options }: ErrorOptions & { fix?: string | null } = {},
  ) {
    super(message, options);
    this.fix = fix;
  }
}
