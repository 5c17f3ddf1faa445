/** How a write ended, without throwing: the caller always has something true to say. */
import { UpstreamError } from "../../ports/errors.ts";

export type WriteResult =
  | { kind: "written"; elapsedMs: number }
  | { kind: "failed"; error: UpstreamError };

export async function settle(write: Promise<void>, elapsed: () => number): Promise<WriteResult> {
  try {
    await write;
    return { kind: "written", elapsedMs: elapsed() };
  } catch (error) {
    return { kind: "failed", error: asUpstream(error) };
  }
}

/** A failure that no adapter explained may have happened after sending: call it ambiguous. */
export function asUpstream(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new UpstreamError("ambiguous", message, { cause: error });
}

export function wrote(result: { kind: string }): boolean {
  return result.kind === "written";
}

/** No answer of any kind: as far as is known, nothing that needs the API works. */
export function isUnanswered(result: { kind: string; error?: UpstreamError }): boolean {
  return result.kind === "failed" && result.error !== undefined && gaveNoAnswer(result.error);
}

export function gaveNoAnswer({ status, kind }: UpstreamError): boolean {
  return status === null && ["unavailable", "ambiguous", "deadline"].includes(kind);
}

/** Sent, and perhaps committed, but nobody told us. */
export function mayHaveWritten(result: { kind: string; error?: UpstreamError }): boolean {
  return result.kind === "failed" && result.error?.kind === "ambiguous";
}
