/** What a native handler gets. */
import type { PointKind } from "../../src/domain/metric-point.ts";
import type { Bindings, Settings } from "../env.ts";
import type { UrlSigner } from "./url-signer.ts";

export interface NativeContext {
  request: Request;
  url: URL;
  env: Bindings;
  settings: Settings;
  urls: UrlSigner;
  /** Counts a point that is not a request; only `finalize` has a duration, the age of its intent. */
  count(kind: PointKind, durationMs?: number): void;
  waitUntil(work: Promise<unknown>): void;
  now(): number;
}

export function errorResponse(status: number, error: string): Response {
  return Response.json({ error }, { status });
}

/** The last segment of the path: ids are ours and need no decoding. */
export function lastSegment(url: URL): string {
  return url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
}
