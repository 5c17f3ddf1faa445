/** A request's body on its way into R2: whole, of the length that was announced, and once. */
import { ClientGoneError } from "../client-gone.ts";
import { TIMER, TimeLimitError, type Timer } from "../limit.ts";
import type { NativeContext } from "./context.ts";
import { withinLimit, withMediaStream } from "./media.ts";

/** Read at once: the runtime's own buffers are smaller, and each of them would cost a turn. */
const CHUNK_BYTES = 64 * 1024;

/** What an object must be; both are as the intent had announced them. */
export interface Announced {
  key: string;
  size: number;
  contentType: string;
}

/** `exists`: there is an object already, which stays as it is. `busy`: another upload is being stored. */
export type Stored = "stored" | "exists" | "busy" | "size_mismatch";

/**
 * R2 keeps nothing of a put that fails. Throws ClientGoneError when the body breaks off, and counts and
 * throws what R2 throws, or that it keeps us waiting: for a piece, or for its answer to the whole.
 */
export function storeUpload(
  context: Pick<NativeContext, "env" | "count" | "waitUntil">,
  body: ReadableStream<Uint8Array>,
  { key, size, contentType }: Announced,
  timer: Timer = TIMER,
): Promise<Stored> {
  return withMediaStream(context, async (media) => {
    const { readable, writable } = new FixedLengthStream(size);
    const sink = writable.getWriter();
    const abort = (): void => void sink.abort().catch(() => undefined);
    try {
      const put = putOnce(media, readable, { key, contentType });
      const sent = send(body, { sink, size, timer });
      // Whichever ends first is the cause of how the other ends.
      const first = await Promise.race([put.then(answered, answered), sent]);
      if (first !== "gone" && first !== "size_mismatch") return await withinLimit(put, timer);
      abort();
      // What comes next for this key must not meet it.
      await withinLimit(put, timer).catch(() => undefined);
      if (first === "gone") throw new ClientGoneError("the upload broke off");
      return first;
    } finally {
      // R2 need not read what it refuses: without this, the rest would wait for it for ever.
      abort();
    }
  });
}

const answered = (): "answered" => "answered";

async function putOnce(
  media: R2Bucket,
  readable: ReadableStream,
  { key, contentType }: Pick<Announced, "key" | "contentType">,
): Promise<Stored> {
  try {
    const object = await media.put(key, readable, {
      httpMetadata: { contentType },
      onlyIf: { etagDoesNotMatch: "*" },
    });
    return object === null ? "exists" : "stored";
  } catch (error) {
    if (isBusy(error)) return "busy";
    throw error;
  }
}

/** `refused`: R2 takes no more, and its answer says why. */
type Sent = "all" | "gone" | "size_mismatch" | "refused";

/**
 * Whose failure it is shows in which of the two calls fails; rejects only when R2 does not take a piece in
 * time. The last piece is kept back until the body has ended: with all its bytes R2 would have an object,
 * whatever came after them.
 */
async function send(
  body: ReadableStream<Uint8Array>,
  {
    sink,
    size,
    timer,
  }: { sink: WritableStreamDefaultWriter<Uint8Array>; size: number; timer: Timer },
): Promise<Sent> {
  const source = body.getReader({ mode: "byob" });
  let held = new Uint8Array(0);
  for (let seen = 0; ; ) {
    const chunk = await source.read(new Uint8Array(CHUNK_BYTES)).catch(() => null);
    if (chunk === null) return "gone";
    if (!chunk.done) seen += chunk.value.byteLength;
    if (chunk.done ? seen !== size : seen > size) return "size_mismatch";
    if (held.byteLength > 0 && !(await taken(sink.write(held), timer))) return "refused";
    if (chunk.done) return (await taken(sink.close(), timer)) ? "all" : "refused";
    held = chunk.value;
  }
}

async function taken(work: Promise<void>, timer: Timer): Promise<boolean> {
  try {
    await withinLimit(work, timer);
    return true;
  } catch (error) {
    if (error instanceof TimeLimitError) throw error;
    return false;
  }
}

/** R2 takes one write per second for a key. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && error.message.includes("(10058)");
}
