/** Bytes in pieces, with a look ahead and a place to put back what was not needed. */
export class ByteFeed {
  readonly #source: AsyncIterator<Uint8Array>;
  /** Never rejects: a wait for bytes that may never come ends with it. */
  readonly #aborted: Promise<{ done: true; value: undefined }>;
  #ahead: Buffer = Buffer.alloc(0);
  #ended = false;
  #forget: () => void = () => undefined;
  /** Of the next byte, from the beginning of the source. */
  offset = 0;

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#source = source[Symbol.asyncIterator]();
    this.#aborted = new Promise((resolve) => {
      const end = (): void => resolve({ done: true, value: undefined });
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true });
      this.#forget = () => signal.removeEventListener("abort", end);
    });
  }

  /** At least `size` bytes without taking them, fewer only at the end. */
  async peek(size: number): Promise<Buffer> {
    while (this.#ahead.length < size && !this.#ended) await this.#fill();
    return this.#ahead.subarray(0, size);
  }

  /** At most `size` bytes, valid until more are asked for; null at the end. */
  async take(size: number): Promise<Buffer | null> {
    while (this.#ahead.length === 0 && !this.#ended) await this.#fill();
    if (this.#ahead.length === 0) return null;
    const piece = this.#ahead.subarray(0, size);
    this.#ahead = this.#ahead.subarray(piece.length);
    this.offset += piece.length;
    return piece;
  }

  /** The end of what was taken last. */
  putBack(rest: Buffer): void {
    this.#ahead = this.#ahead.length === 0 ? rest : Buffer.concat([rest, this.#ahead]);
    this.offset -= rest.length;
  }

  /** Lets go of the source; one that is waited for in vain is not waited for here. */
  close(): void {
    this.#ended = true;
    this.#forget();
    this.#source.return?.()?.catch(() => undefined);
  }

  async #fill(): Promise<void> {
    // The source may use its buffer again.
    const ahead = Buffer.from(this.#ahead);
    const { done, value } = await Promise.race([this.#source.next(), this.#aborted]);
    if (done === true) {
      this.#ended = true;
      return;
    }
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    this.#ahead = ahead.length === 0 ? bytes : Buffer.concat([ahead, bytes]);
  }
}
