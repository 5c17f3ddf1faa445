/** Where an object of JSON ends, and where it goes wrong, at any depth and cut into any pieces. */
import { CARRIAGE_RETURN, CLOSE, CLOSE_LIST, NEWLINE, OPEN, OPEN_LIST } from "./json-bytes.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;

type Expected = "key" | "key-or-end" | "colon" | "value" | "value-or-end" | "comma-or-end";

export interface Scanned {
  /** `more`: it goes on after this piece. */
  end: "whole" | "wrong" | "more";
  /** After the object, or at the byte that cannot stand there. */
  at: number;
}

/** Says nothing of how numbers, words and escapes are written: whoever parses the object does. */
export class JsonNesting {
  /** True for a list. */
  #open: boolean[] = [];
  #expected: Expected = "value";
  #inString = false;
  #escaped = false;
  #inWord = false;

  get depth(): number {
    return this.#open.length;
  }

  /** Before an object, or after a value inside of so many. */
  reset(depth = 0): void {
    this.#open = new Array<boolean>(depth).fill(false);
    this.#expected = depth === 0 ? "value" : "comma-or-end";
    this.#inString = false;
    this.#escaped = false;
    this.#inWord = false;
  }

  scan(bytes: Buffer, start: number): Scanned {
    for (let at = start; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (this.#inString) {
        // A line ends inside of a string only where the rest was cut off.
        if (byte === NEWLINE) return { end: "wrong", at };
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
        continue;
      }
      if (byte === 0x20 || byte === NEWLINE || byte === CARRIAGE_RETURN || byte === 0x09) {
        this.#inWord = false;
        continue;
      }
      if (!this.#take(byte)) return { end: "wrong", at };
      if (this.#open.length === 0) return { end: "whole", at: at + 1 };
    }
    return { end: "more", at: bytes.length };
  }

  #take(byte: number): boolean {
    if (byte === QUOTE) return this.#string();
    if (byte === OPEN || byte === OPEN_LIST) return this.#begin(byte === OPEN_LIST);
    if (byte === CLOSE || byte === CLOSE_LIST) return this.#close(byte === CLOSE_LIST);
    if (byte === COLON) return this.#goOn("colon", "value");
    if (byte === COMMA) return this.#goOn("comma-or-end", this.#open.at(-1) ? "value" : "key");
    if (this.#inWord) return true;
    this.#inWord = true;
    return this.#value();
  }

  #string(): boolean {
    this.#inString = true;
    if (this.#expected !== "key" && this.#expected !== "key-or-end") return this.#value();
    this.#expected = "colon";
    return true;
  }

  #value(): boolean {
    if (this.#expected !== "value" && this.#expected !== "value-or-end") return false;
    this.#expected = "comma-or-end";
    return true;
  }

  #begin(list: boolean): boolean {
    if (!this.#value()) return false;
    this.#open.push(list);
    this.#expected = list ? "value-or-end" : "key-or-end";
    return true;
  }

  #close(list: boolean): boolean {
    const empty = list ? "value-or-end" : "key-or-end";
    if (this.#expected !== "comma-or-end" && this.#expected !== empty) return false;
    this.#inWord = false;
    this.#expected = "comma-or-end";
    return this.#open.pop() === list;
  }

  #goOn(from: Expected, to: Expected): boolean {
    this.#inWord = false;
    if (this.#expected !== from) return false;
    this.#expected = to;
    return true;
  }
}
