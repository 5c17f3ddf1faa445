/** R2 with a count of its failures. */
import { TIMER, type Timer, withLimit } from "../limit.ts";
import type { NativeContext } from "./context.ts";
import { outliveVisitor } from "./context.ts";
import { causeOf } from "./failure-cause.ts";

const R2_LIMIT_MS = 5_000;

export function mediaKey(intentId: string): string {
  return `uploads/${intentId}`;
}

/** For calls that are done when they answer; at most 5 s. Counts and rethrows a failure. */
export function withMedia<T>(
  context: Pick<NativeContext, "env" | "count" | "waitUntil">,
  work: (media: R2Bucket) => Promise<T>,
): Promise<T> {
  return withMediaStream(context, (media) => withinLimit(work(media)));
}

/**
 * For uploads: they take as long as the visitor's line does, so only the work itself can tell which waits are
 * R2's, and limit these by `withinLimit`. Counts and rethrows a failure, though the visitor has gone meanwhile.
 */
export function withMediaStream<T>(
  context: Pick<NativeContext, "env" | "count" | "waitUntil">,
  work: (media: R2Bucket) => Promise<T>,
): Promise<T> {
  return outliveVisitor(context, counted(context, work));
}

async function counted<T>(
  context: Pick<NativeContext, "env" | "count">,
  work: (media: R2Bucket) => Promise<T>,
): Promise<T> {
  try {
    const media = context.env.MEDIA;
    if (media === undefined) throw new Error("MEDIA is not bound");
    return await work(media);
  } catch (error) {
    const cause = causeOf(error);
    if (cause !== "client") context.count("r2_failure", { cause });
    throw error;
  }
}

/** A wait for R2 alone: at most 5 s. */
export function withinLimit<T>(work: Promise<T>, timer: Timer = TIMER): Promise<T> {
  return withLimit("R2", R2_LIMIT_MS, work, timer);
}
