/** A request's body on its way into R2: whole, of the length that was announced, and once. */
import { ClientGoneError } from "../client-gone.ts";
import type { NativeContext } from "./context.ts";
import { withMediaStream } from "./media.ts";

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
 * throws what R2 throws.
 */
export function storeUpload(
  context: Pick<NativeContext, "env" | "count">,
  body: ReadableStream<Uint8Array>,
  { key, size, contentType }: Announced,
): Promise<Stored> {
  return withMediaStream(context, async (media) => {
    const { readable, writable } = new FixedLengthStream(size);
    const sink = writable.getWriter();
    const sent = send(body, sink, size);
    try {
      const object = await media.put(key, readable, {
        httpMetadata: { contentType },
        onlyIf: { etagDoesNotMatch: "*" },
      });
      return object === null ? "exists" : "stored";
    } catch (error) {
      if (isBusy(error)) return "busy";
      await sink.abort(error).catch(() => undefined);
      const outcome = await sent;
      if (outcome === "gone") throw new ClientGoneError("the upload broke off", { cause: error });
      if (outcome === "size_mismatch") return "size_mismatch";
      throw error;
    } finally {
      // R2 need not read what it refuses: without this, the rest would wait for it for ever.
      await sink.abort().catch(() => undefined);
    }
  });
}

type Sent = "all" | "gone" | "size_mismatch" | "refused";

/**
 * Never rejects. Whose failure it is shows in which of the two calls fails. The last piece is kept back
 * until the body has ended: with all its bytes R2 would have an object, whatever came after them.
 */
async function send(
  body: ReadableStream<Uint8Array>,
  sink: WritableStreamDefaultWriter<Uint8Array>,
  size: number,
): Promise<Sent> {
  const source = body.getReader({ mode: "byob" });
  const stop = async (outcome: Sent): Promise<Sent> => {
    await sink.abort(new Error(outcome)).catch(() => undefined);
    return outcome;
  };
  let held = new Uint8Array(0);
  for (let seen = 0; ; ) {
    const chunk = await source.read(new Uint8Array(CHUNK_BYTES)).catch(() => null);
    if (chunk === null) return stop("gone");
    if (!chunk.done) seen += chunk.value.byteLength;
    if (chunk.done ? seen !== size : seen > size) return stop("size_mismatch");
    if (held.byteLength > 0 && !(await succeeds(sink.write(held)))) return "refused";
    if (chunk.done) return (await succeeds(sink.close())) ? "all" : "refused";
    held = chunk.value;
  }
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

/** R2 takes one write per second for a key. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && error.message.includes("(10058)");
}
