/** Cuts expanded bytes into lines. A line that is too long is counted as broken and never kept. */
import type { LineTaker } from "../../ports/logs.ts";

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = "\ufeff";

export class LineFeed {
  readonly #taker: LineTaker;
  readonly #maxBytes: number;
  /** The beginning of a line whose end has not come yet. */
  #open: Buffer[] = [];
  #openBytes = 0;
  #tooLong = false;
  #first = true;

  constructor(taker: LineTaker, maxBytes: number) {
    this.#taker = taker;
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    let at = 0;
    if (this.#openBytes > 0 || this.#tooLong || this.#first) {
      const end = chunk.indexOf(NEWLINE);
      this.#keep(chunk.subarray(0, end === -1 ? chunk.length : end));
      if (end === -1) return;
      if (!this.#skimOpen()) this.end();
      at = end + 1;
    }
    this.#lines(chunk, at);
  }

  #lines(chunk: Buffer, start: number): void {
    const taker = this.#taker;
    const view = chunk.toString("latin1");
    let at = start;
    while (at < chunk.length) {
      const next = taker.skim(view, at);
      if (next !== -1) {
        at = next;
        continue;
      }
      const end = chunk.indexOf(NEWLINE, at);
      if (end === -1) break;
      if (end - at > this.#maxBytes) taker.brokenLine();
      else taker.line(chunk.toString("utf8", at, end));
      at = end + 1;
    }
    if (at < chunk.length) this.#keep(chunk.subarray(at));
  }

  /** The line that two chunks share, when a glance is enough for it. */
  #skimOpen(): boolean {
    if (this.#tooLong || this.#first || this.#openBytes === 0) return false;
    const view = `${Buffer.concat(this.#open).toString("latin1")}\n`;
    if (this.#taker.skim(view, 0) === -1) return false;
    this.#reset();
    return true;
  }

  /** A copy: the chunk that it comes from is much larger. */
  #keep(part: Buffer): void {
    if (this.#tooLong || part.length === 0) return;
    this.#openBytes += part.length;
    if (this.#openBytes <= this.#maxBytes) {
      this.#open.push(Buffer.from(part));
      return;
    }
    this.#tooLong = true;
    this.#open = [];
  }

  /** At the end of a line, of a file, or where the rest of a line cannot be read. */
  end(): void {
    if (this.#tooLong) this.#taker.brokenLine();
    else if (this.#openBytes > 0) {
      const text = Buffer.concat(this.#open).toString("utf8");
      const marked = this.#first && text.startsWith(BYTE_ORDER_MARK);
      this.#taker.line(marked ? text.slice(1) : text);
    }
    this.#reset();
  }

  #reset(): void {
    this.#first = false;
    this.#open = [];
    this.#openBytes = 0;
    this.#tooLong = false;
  }
}
