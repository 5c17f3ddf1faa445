/** UTF-16 as PowerShell writes it, and byte order marks: what comes out is UTF-8. */

import { TextDecoder } from "node:util";

/** Enough to see a byte order mark, or the NULs between the first letters. */
const LOOK_BYTES = 4;

/** The pieces of a text, in the encoding that its first bytes show. */
export class Utf8Pieces {
  readonly #sink: (piece: Buffer) => void;
  #head: Buffer | null = Buffer.alloc(0);
  #decoder: TextDecoder | null = null;

  constructor(sink: (piece: Buffer) => void) {
    this.#sink = sink;
  }

  push(piece: Buffer): void {
    if (this.#head === null) {
      this.#pass(piece);
      return;
    }
    const head = this.#head.length === 0 ? piece : Buffer.concat([this.#head, piece]);
    if (head.length >= LOOK_BYTES) this.#begin(head);
    else this.#head = Buffer.from(head);
  }

  end(): void {
    if (this.#head !== null) this.#begin(this.#head);
    const rest = this.#decoder?.decode() ?? "";
    if (rest !== "") this.#sink(Buffer.from(rest));
  }

  #begin(head: Buffer): void {
    this.#head = null;
    const encoding = utf16Of(head);
    if (encoding !== null) this.#decoder = new TextDecoder(encoding);
    this.#pass(head);
  }

  #pass(piece: Buffer): void {
    if (this.#decoder === null) this.#sink(piece);
    else this.#sink(Buffer.from(this.#decoder.decode(piece, { stream: true })));
  }
}

/** Of a text that is there as a whole. */
export function toUtf8(bytes: Buffer): string {
  const pieces: Buffer[] = [];
  const decoder = new Utf8Pieces((piece) => pieces.push(piece));
  decoder.push(bytes);
  decoder.end();
  return Buffer.concat(pieces).toString("utf8");
}

/** By its mark; without one, JSON begins with two letters that UTF-16 writes with a NUL each. */
function utf16Of([a, b, c, d]: Buffer): "utf-16le" | "utf-16be" | null {
  if ((a === 0xff && b === 0xfe) || (a !== 0 && b === 0 && c !== 0 && d === 0)) return "utf-16le";
  if ((a === 0xfe && b === 0xff) || (a === 0 && b !== 0 && c === 0 && d !== 0)) return "utf-16be";
  return null;
}
