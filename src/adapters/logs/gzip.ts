/**
 * gzip (RFC 1952) for files that may be broken. Members are told apart here and only their deflate
 * bodies go to zlib, for three reasons: a wrong checksum must not cost the data before it, what follows
 * a broken member is still read, and a problem can be told with its offset.
 */
import { crc32, createInflateRaw, type InflateRaw } from "node:zlib";
import type { ByteFeed } from "./byte-feed.ts";

export interface GzipSink {
  data(chunk: Buffer): void;
  /** What was read before stands; what comes next does not follow it. */
  problem(offset: number, what: string): void;
  /** Asked between pieces: false ends the reading. */
  goOn(): boolean;
}

const PIECE_BYTES = 64 * 1024;
/** Measured: larger ones are mapped and unmapped by malloc each time, smaller ones change threads more. */
const CHUNK_BYTES = 120 * 1024;
const TRAILER_BYTES = 8;
const MAX_HEADER_BYTES = 64 * 1024;
/** Beginnings of members that are tried after a broken one. */
const MAX_RESYNCS = 1_000;
/** Of one member: what it takes to find the last good byte before a broken one. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
/** How closely the broken byte is looked for before it is found by single bytes. */
const COARSE_BYTES = 1_024;

export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** Reads members until the end, the sink's no, or what is no gzip any more. */
export async function readGzip(feed: ByteFeed, sink: GzipSink): Promise<void> {
  let resyncs = 0;
  while (sink.goOn()) {
    const start = feed.offset;
    const head = await feed.peek(4);
    if (head.length === 0) return;
    const good = isMember(head) ? await readMember(feed, sink) : await isPadding(feed, sink);
    if (good === "end") return;
    if (good) continue;
    resyncs += 1;
    const found = resyncs <= MAX_RESYNCS && (await findMember(feed, start));
    if (!found) return;
  }
}

/** Magic, deflate, and none of the reserved flags. */
function isMember(head: Uint8Array): boolean {
  return isGzip(head) && head[2] === 8 && ((head[3] ?? 0xff) & 0xe0) === 0;
}

/** Zeros at the end are how tapes and some tools fill a block. */
async function isPadding(feed: ByteFeed, sink: GzipSink): Promise<"end" | false> {
  const start = feed.offset;
  for (;;) {
    const piece = await feed.take(PIECE_BYTES);
    if (piece === null) return "end";
    const other = piece.findIndex((byte) => byte !== 0);
    if (other === -1) continue;
    feed.putBack(piece.subarray(other));
    sink.problem(start, "not gzip from here on");
    return false;
  }
}

/** Moves to the next beginning of a member after `start`. False at the end. */
async function findMember(feed: ByteFeed, start: number): Promise<boolean> {
  if (feed.offset === start) await feed.take(1);
  for (;;) {
    const piece = await feed.take(PIECE_BYTES);
    if (piece === null) return false;
    const at = piece.indexOf(0x1f);
    if (at === -1) continue;
    feed.putBack(piece.subarray(at));
    const head = await feed.peek(4);
    if (isMember(head)) return true;
    await feed.take(1);
  }
}

async function readMember(feed: ByteFeed, sink: GzipSink): Promise<boolean | "end"> {
  const start = feed.offset;
  if (!(await skipHeader(feed))) {
    sink.problem(start, "the gzip header is cut");
    return "end";
  }
  const body = await inflate(feed, sink);
  if (body.end === "stopped") return "end";
  if (body.end === "cut") {
    sink.problem(feed.offset, "ends in the middle of compressed data");
    return "end";
  }
  if (body.end === "corrupt") {
    sink.problem(body.offset, `the compressed data is corrupt (${body.why})`);
    return false;
  }
  const trailer = await feed.peek(TRAILER_BYTES);
  if (trailer.length < TRAILER_BYTES) {
    sink.problem(feed.offset, "ends before its checksum");
    return "end";
  }
  const matches = trailer.readUInt32LE(0) === body.crc && trailer.readUInt32LE(4) === body.size;
  if (!matches)
    sink.problem(feed.offset, "checksum mismatch: lines before this point may be wrong");
  await feed.take(TRAILER_BYTES);
  return true;
}

/** Past the ten fixed bytes and the optional fields. False when the file ends there. */
async function skipHeader(feed: ByteFeed): Promise<boolean> {
  const head = await feed.peek(MAX_HEADER_BYTES);
  const flags = head[3] ?? 0;
  let at = 10;
  if ((flags & 4) !== 0) at += 2 + (head[at] ?? 0) + 256 * (head[at + 1] ?? 0);
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const zero = head.indexOf(0, at);
    if (zero === -1) return false;
    at = zero + 1;
  }
  if ((flags & 2) !== 0) at += 2;
  if (head.length < at) return false;
  await skip(feed, at);
  return true;
}

async function skip(feed: ByteFeed, count: number): Promise<void> {
  let left = count;
  while (left > 0) left -= (await feed.take(left))?.length ?? left;
}

type Inflated =
  | { end: "done"; crc: number; size: number }
  | { end: "cut" }
  | { end: "stopped" }
  | { end: "corrupt"; offset: number; why: string };

async function inflate(feed: ByteFeed, sink: GzipSink): Promise<Inflated> {
  const start = feed.offset;
  const kept = new Kept();
  let crc = 0;
  let size = 0;
  const engine = createInflateRaw({ chunkSize: CHUNK_BYTES });
  engine.on("data", (chunk: Buffer) => {
    crc = crc32(chunk, crc);
    size += chunk.length;
    sink.data(chunk);
  });
  try {
    for (;;) {
      if (!sink.goOn()) return { end: "stopped" };
      const piece = await feed.take(PIECE_BYTES);
      if (piece === null) return { end: "cut" };
      kept.add(piece);
      const before = engine.bytesWritten;
      const error = await write(engine, piece);
      if (error !== null) {
        const good = (await kept.rescue(size, sink)) ?? before;
        feed.putBack(piece.subarray(Math.max(0, good - before)));
        return { end: "corrupt", offset: start + good, why: error.message };
      }
      const used = engine.bytesWritten - before;
      if (used === piece.length) continue;
      feed.putBack(piece.subarray(used));
      return { end: "done", crc, size: size % 2 ** 32 };
    }
  } finally {
    engine.destroy();
  }
}

/** Resolves when the piece is worked off: to the error, or to null. */
function write(engine: InflateRaw, piece: Buffer): Promise<Error | null> {
  return new Promise((resolve) => {
    const onError = (error: Error): void => resolve(error);
    engine.once("error", onError);
    engine.write(piece, (error) => {
      engine.off("error", onError);
      if (error instanceof Error) engine.once("error", () => undefined);
      resolve(error ?? null);
    });
  });
}

/**
 * zlib gives nothing of the call in which it finds an error, and that may be all of a small file: its
 * member's bytes are kept, and read again in small steps up to the broken one.
 */
class Kept {
  #pieces: Buffer[] = [];
  #bytes = 0;

  add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes <= MAX_KEPT_BYTES) this.#pieces.push(Buffer.from(piece));
    else this.#pieces = [];
  }

  /**
   * Gives the sink what comes after the `given` bytes that it has. Returns how many bytes of the body
   * are good; null when they were not kept.
   */
  async rescue(given: number, sink: GzipSink): Promise<number | null> {
    if (this.#bytes > MAX_KEPT_BYTES) return null;
    const body = Buffer.concat(this.#pieces);
    const known = body.length - (this.#pieces.at(-1)?.length ?? 0);
    const coarse = await accepted(body, { from: known, step: COARSE_BYTES }, () => undefined);
    let passed = 0;
    return accepted(body, { from: coarse, step: 1 }, (chunk) => {
      const old = Math.min(chunk.length, Math.max(0, given - passed));
      passed += chunk.length;
      if (old < chunk.length) sink.data(chunk.subarray(old));
    });
  }
}

/** How many bytes zlib takes before it refuses: `from` are known to be good, then in steps. */
async function accepted(
  body: Buffer,
  { from, step }: { from: number; step: number },
  take: (chunk: Buffer) => void,
): Promise<number> {
  const engine = createInflateRaw({ chunkSize: CHUNK_BYTES });
  engine.on("data", take);
  let at = 0;
  try {
    while (at < body.length) {
      const size = at < from ? Math.min(PIECE_BYTES, from - at) : step;
      if ((await write(engine, body.subarray(at, at + size))) !== null) break;
      at += size;
    }
  } finally {
    engine.destroy();
  }
  return Math.min(at, body.length);
}
