/** What a native handler gets. */
import type { FailureCause, PointKind } from "../../src/domain/metrics/point.ts";
import type { Bindings, Settings } from "../env.ts";
import type { UrlSigner } from "./url-signer.ts";

export interface NativeContext {
  request: Request;
  url: URL;
  env: Bindings;
  settings: Settings;
  urls: UrlSigner;
  /** Whose session it is; what is another's is unknown to him. */
  user: string;
  /** Counts a point that is not a request. */
  count(kind: PointKind, details?: CountDetails): void;
  waitUntil(work: Promise<unknown>): void;
  now(): number;
}

export type NativeHandler = (context: NativeContext) => Promise<Response>;

interface CountDetails {
  /** Of a `finalize` alone: the age of its intent. */
  durationMs?: number;
  /** Of a failure. */
  cause?: FailureCause;
}

/**
 * When a visitor goes, the runtime drops what only he waits for: kept alive, a wait that ends in a failure
 * is counted whoever is still there.
 */
export function outliveVisitor<T>(
  context: Pick<NativeContext, "waitUntil">,
  work: Promise<T>,
): Promise<T> {
  context.waitUntil(work.catch(() => undefined));
  return work;
}

export function errorResponse(status: number, error: string): Response {
  return Response.json({ error }, { status });
}

/** The last segment of the path: ids are ours and need no decoding. */
export function lastSegment(url: URL): string {
  return url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
}
