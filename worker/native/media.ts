/** R2 with a count of its failures. */
import { withLimit } from "../limit.ts";
import type { NativeContext } from "./context.ts";
import { causeOf } from "./failure-cause.ts";

const R2_LIMIT_MS = 5_000;

export function mediaKey(intentId: string): string {
  return `uploads/${intentId}`;
}

/** For calls that are done when they answer; at most 5 s. Counts and rethrows a failure. */
export function withMedia<T>(
  context: Pick<NativeContext, "env" | "count">,
  work: (media: R2Bucket) => Promise<T>,
): Promise<T> {
  return counted(context, (media) => withLimit("R2", R2_LIMIT_MS, work(media)));
}

/** For uploads: they take as long as the visitor's line does, and end when it breaks. */
export function withMediaStream<T>(
  context: Pick<NativeContext, "env" | "count">,
  work: (media: R2Bucket) => Promise<T>,
): Promise<T> {
  return counted(context, work);
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
