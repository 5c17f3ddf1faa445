/**
 * Cuts bytes into JSON objects where lines do not: indented, one right after the other, in arrays, in the envelope of an
 * API's answer. What is cut off or is no JSON is counted, and what comes after it is read.
 *
 * No library does that: stream-json 3.8 and @streamparser/json 0.0.26 read indented, concatenated and listed values, but
 * the first byte that is no JSON (a cut record, a line of text, the separator of RFC 7464) ends them for good, with the
 * record that a cut one has swallowed; and they keep a value of any length (300 MiB of string: 570 and 870 MiB).
 */
import type { RecordTaker } from "../../ports/logs.ts";
import { envelopeEnd } from "./envelope.ts";
import { CLOSE, CLOSE_LIST, NEWLINE, OPEN, OPEN_LIST } from "./json-bytes.ts";
import { JsonNesting, type Scanned } from "./json-nesting.ts";

/** Between records: blanks, commas, the record separator of RFC 7464, byte order marks. */
const BETWEEN: ReadonlySet<number> = new Set([
  0x20, 0x09, 0x0d, 0x0a, 0x2c, 0x1e, 0xef, 0xbb, 0xbf,
]);
/** Bytes that may be read again for each that comes, so that hostile bytes cost no more than that. */
const AGAIN_PER_BYTE = 8;
const AGAIN_AT_FIRST = 8 * 1024 ** 2;

type Mode = "between" | "record" | "too-long" | "garbage" | "rest";

interface Work {
  bytes: Buffer;
  at: number;
}

export class RecordFeed {
  readonly #taker: RecordTaker;
  readonly #maxBytes: number;
  readonly #nesting = new JsonNesting();
  #mode: Mode = "between";
  /** The beginning of the record, from earlier pieces. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Blanks before the record on its line. */
  #indent = 0;
  #recordIndent = 0;
  /** What was not understood last is told already. */
  #told = false;
  /** Lists around the records, and objects around those. */
  #lists = 0;
  #envelopes = 0;
  /** Lists that were open where the line began. */
  #listsBefore = 0;
  #atLineStart = true;
  #credit = AGAIN_AT_FIRST;

  constructor(taker: RecordTaker, maxBytes: number) {
    this.#taker = taker;
    this.#maxBytes = maxBytes;
  }

  /** Where the next line begins when there is nothing half-read then, else the end of the piece. */
  push(piece: Buffer, from: number): number {
    this.#credit += (piece.length - from) * AGAIN_PER_BYTE;
    return this.#run({ bytes: piece, at: from });
  }

  /** Nothing is half-read: the next line may be a record by itself. */
  get idle(): boolean {
    return this.#mode === "between" && this.#envelopes === 0 && this.#atLineStart;
  }

  #run(first: Work): number {
    const work = [first];
    for (;;) {
      const now = work.at(-1);
      if (now === undefined) return first.bytes.length;
      const again = this.#scan(now);
      if (again !== null) work.push(again);
      else if (now.at >= now.bytes.length) work.pop();
      else if (work.length === 1) return now.at;
    }
  }

  end(): void {
    while (this.#mode === "record") {
      const again = this.#fail(Buffer.concat(this.#kept));
      if (again !== null) this.#run(again);
    }
    // What surrounds the records was cut off, and perhaps records with it.
    if (this.#lists > 0 || this.#envelopes > 0 || this.#mode === "rest") this.#notUnderstood();
    this.#mode = "between";
    this.#atLineStart = true;
    this.#lists = 0;
    this.#listsBefore = 0;
    this.#envelopes = 0;
    this.#told = false;
  }

  /** Goes on until something is to be read again, a line begins with nothing half-read, or the end. */
  #scan(work: Work): Work | null {
    const { bytes } = work;
    while (work.at < bytes.length) {
      if (this.#mode === "between") {
        if (this.#between(work) && this.#envelopes === 0) return null;
      } else if (this.#mode === "garbage") this.#garbage(work);
      else {
        const again = this.#inside(work);
        if (again !== null) return again;
      }
    }
    return null;
  }

  /** True after the end of a line. */
  #between(work: Work): boolean {
    this.#blanks(work);
    if (work.at >= work.bytes.length) return false;
    const byte = work.bytes[work.at] ?? 0;
    this.#atLineStart = byte === NEWLINE;
    if (byte === OPEN) {
      this.#mode = "record";
      this.#recordIndent = this.#indent;
      this.#nesting.reset();
      return false;
    }
    work.at += 1;
    this.#indent = byte === NEWLINE ? 0 : this.#indent + 1;
    if (byte === NEWLINE) {
      this.#told = false;
      this.#listsBefore = this.#lists;
    }
    if (byte === OPEN_LIST) this.#lists += 1;
    else if (byte === CLOSE_LIST && this.#lists > 0) this.#closeList();
    else if (!BETWEEN.has(byte)) {
      this.#notUnderstood();
      this.#mode = "garbage";
      // A bracket in a line of text opens nothing.
      if (this.#envelopes === 0) this.#lists = this.#listsBefore;
    }
    return byte === NEWLINE;
  }

  /** There may be very many. */
  #blanks(work: Work): void {
    const { bytes, at: start } = work;
    let at = start;
    while (at < bytes.length && (bytes[at] === 0x20 || bytes[at] === 0x09)) at += 1;
    if (at === start) return;
    work.at = at;
    this.#indent += at - start;
    this.#atLineStart = false;
  }

  #closeList(): void {
    this.#lists -= 1;
    if (this.#lists > 0 || this.#envelopes === 0) return;
    this.#nesting.reset(this.#envelopes);
    this.#envelopes = 0;
    this.#mode = "rest";
  }

  /** Up to what may be a record, or the end of the line. */
  #garbage(work: Work): void {
    const { bytes } = work;
    const newline = bytes.indexOf(NEWLINE, work.at);
    const end = newline === -1 ? bytes.length : newline;
    const open = bytes.subarray(work.at, end).indexOf(OPEN);
    work.at = open === -1 ? end : work.at + open;
    if (work.at < bytes.length) this.#mode = "between";
  }

  #inside(work: Work): Work | null {
    const { bytes, at: start } = work;
    const { end, at } = this.#nesting.scan(bytes, start);
    work.at = at;
    if (this.#mode === "record") this.#keep(bytes.subarray(start, at));
    if (this.#keptBytes > this.#maxBytes) return this.#tooLong(end);
    if (end === "more") {
      this.#copyLast();
      return null;
    }
    this.#indent = 0;
    if (this.#mode !== "record") {
      if (this.#mode === "rest" && end === "wrong") this.#notUnderstood();
      this.#mode = "between";
      return null;
    }
    const whole = Buffer.concat(this.#kept);
    if (end === "wrong" || !this.#taker.record(whole.toString("utf8"))) return this.#fail(whole);
    this.#forget();
    this.#told = false;
    return null;
  }

  #keep(part: Buffer): void {
    this.#keptBytes += part.length;
    this.#kept.push(part);
  }

  /** The piece that it is a part of is used for other bytes. */
  #copyLast(): void {
    const last = this.#kept.pop();
    if (last !== undefined) this.#kept.push(Buffer.from(last));
  }

  /** Whatever is no envelope is passed over. */
  #tooLong(end: Scanned["end"]): Work | null {
    const whole = Buffer.concat(this.#kept);
    this.#forget();
    const inside = this.#opened(whole);
    if (inside !== null) return inside;
    this.#notUnderstood();
    if (end === "more") this.#mode = "too-long";
    return null;
  }

  /** What began as a record is none: where another one begins in it, it is read from there. */
  #fail(bytes: Buffer): Work | null {
    this.#forget();
    const inside = this.#opened(bytes);
    if (inside !== null) return inside;
    this.#notUnderstood();
    const at = beginningIn(bytes, this.#recordIndent);
    if (at === -1 || this.#credit < bytes.length) return null;
    this.#credit -= bytes.length;
    this.#indent = 0;
    return { bytes, at };
  }

  /** The records inside of an envelope, one by one; null when it is none, or is in another. */
  #opened(bytes: Buffer): Work | null {
    if (this.#lists + this.#envelopes > 0) return null;
    const envelope = envelopeEnd(bytes.toString("latin1", 0, this.#maxBytes));
    if (envelope === null) return null;
    this.#envelopes = envelope.depth;
    this.#lists = 1;
    return { bytes, at: envelope.end };
  }

  #forget(): void {
    this.#mode = "between";
    this.#kept = [];
    this.#keptBytes = 0;
  }

  /** Once for all that comes until something is understood again. */
  #notUnderstood(): void {
    if (!this.#told) this.#taker.broken();
    this.#told = true;
  }
}

/** The next record: not further in than the one that failed, or right after the end of another. */
function beginningIn(bytes: Buffer, indent: number): number {
  for (let at = bytes.indexOf(OPEN, 1); at !== -1; at = bytes.indexOf(OPEN, at + 1)) {
    let before = at - 1;
    while (before > 0 && (bytes[before] === 0x20 || bytes[before] === 0x09)) before -= 1;
    if (bytes[before] === NEWLINE && at - before - 1 <= indent) return at;
    if (bytes[before] === CLOSE || bytes[before] === 0x1e) return at;
  }
  return -1;
}
