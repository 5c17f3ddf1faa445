/** Cuts expanded bytes into records: lines where one line is one, and whatever else JSON may look like. */
import type { RecordTaker } from "../../ports/logs.ts";
import { CARRIAGE_RETURN, CLOSE, NEWLINE, OPEN } from "./json-bytes.ts";
import { RecordFeed } from "./record-feed.ts";

export class LineFeed {
  readonly #taker: RecordTaker;
  readonly #maxBytes: number;
  readonly #records: RecordFeed;
  /** The beginning of a line whose end has not come yet. */
  #open: Buffer[] = [];
  #openBytes = 0;
  /** Something is half-read that may not end with its line. */
  #inRecords = false;

  constructor(taker: RecordTaker, maxBytes: number) {
    this.#taker = taker;
    this.#maxBytes = maxBytes;
    this.#records = new RecordFeed(taker, maxBytes);
  }

  push(chunk: Buffer): void {
    let at = 0;
    if (this.#openBytes > 0) {
      const end = chunk.indexOf(NEWLINE);
      at = end === -1 ? chunk.length : end + 1;
      this.#keep(chunk.subarray(0, at));
      if (end !== -1 && this.#openBytes > 0) this.#endOpen();
    }
    if (this.#inRecords) at = this.#toRecords(chunk, at);
    if (at < chunk.length) this.#lines(chunk, at);
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
      at = this.#line(chunk, at, end) ? end + 1 : this.#toRecords(chunk, at);
    }
    if (at < chunk.length) this.#keep(chunk.subarray(at));
  }

  /** Whether the line by itself is a record, or empty. */
  #line(chunk: Buffer, start: number, newline: number): boolean {
    const end = chunk[newline - 1] === CARRIAGE_RETURN ? newline - 1 : newline;
    if (end <= start) return true;
    if (chunk[start] !== OPEN || chunk[end - 1] !== CLOSE || end - start > this.#maxBytes)
      return false;
    return this.#taker.record(chunk.toString("utf8", start, end));
  }

  #toRecords(chunk: Buffer, at: number): number {
    const next = this.#records.push(chunk, at);
    this.#inRecords = !this.#records.idle;
    return next;
  }

  /** The line that two chunks share. */
  #endOpen(): void {
    const line = Buffer.concat(this.#open);
    this.#reset();
    if (this.#taker.skim(line.toString("latin1"), 0) !== -1) return;
    if (!this.#line(line, 0, line.length - 1)) this.#toRecords(line, 0);
  }

  /** A copy: the chunk that it comes from is much larger. What is too long for a line is no line any more. */
  #keep(part: Buffer): void {
    this.#openBytes += part.length;
    this.#open.push(Buffer.from(part));
    if (this.#openBytes <= this.#maxBytes) return;
    const open = Buffer.concat(this.#open);
    this.#reset();
    this.#toRecords(open, 0);
  }

  /** At the end of a file, or where the rest of a line cannot be read. */
  end(): void {
    const line = Buffer.concat(this.#open);
    this.#reset();
    if (!this.#line(line, 0, line.length)) this.#toRecords(line, 0);
    this.#records.end();
    this.#inRecords = false;
  }

  #reset(): void {
    this.#open = [];
    this.#openBytes = 0;
  }
}
