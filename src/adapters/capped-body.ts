/** Bodies from outside, never longer than we are ready to hold. */
import { TransportError } from "./transport.ts";

/** Throws TransportError when there is more than `maxBytes`; the rest is not read. */
export async function readCapped(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new TransportError("maybe-sent", "the answer is too long", { tooLarge: true });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
