/** Reads logs of any size in bounded memory, within limits on expansion and on the length of a line. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { UpstreamError } from "../../ports/errors.ts";
import type {
  LogProblem,
  LogReader,
  LogReading,
  LogSource,
  RecordTaker,
} from "../../ports/logs.ts";
import { Utf8Pieces } from "../encoding.ts";
import { ByteFeed } from "./byte-feed.ts";
import { findLogs } from "./find.ts";
import { isGzip, readGzip } from "./gzip.ts";
import { LineFeed } from "./line-feed.ts";

export interface ReaderLimits {
  /** Of one file after expansion; more than that is not read. */
  maxExpandedBytes: number;
  /** Expanded to stored, looked at from `ratioFromBytes` on: honest logs stay far below. */
  maxRatio: number;
  ratioFromBytes: number;
  /** Logpush's own limit is 16 KiB of messages. */
  maxLineBytes: number;
}

const MIB = 1024 ** 2;
const READER_LIMITS: ReaderLimits = {
  maxExpandedBytes: 4_096 * MIB,
  maxRatio: 200,
  ratioFromBytes: 64 * MIB,
  maxLineBytes: MIB,
};

/**
 * Chunks are read as strings that die at once, and V8 lets the space for young objects grow by and by
 * while it sees so many of them: after some gigabytes to more than all else. It need not. Nor need the
 * chunks themselves pile up: by itself it looks after 64 MiB of them. Returns what is to be called as often
 * as bytes were read, with how many.
 */
function keepMemorySmall(): (bytes: number) => void {
  setFlagsFromString("--semi-space-growth-factor=1");
  setFlagsFromString("--expose-gc");
  const collect: NodeJS.GCFunction = runInNewContext("gc");
  let since = 0;
  return (bytes) => {
    since += bytes;
    if (since < COLLECTED_BYTES) return;
    since = 0;
    collect({ type: "minor" });
  };
}
const COLLECTED_BYTES = 16 * MIB;

/** zlib works in threads of its own: two files at a time keep two cores busy. */
const PARALLEL = 2;
const PIECE_BYTES = 256 * 1024;
const MAX_PROBLEMS = 100;

export interface ReaderOptions {
  cwd: string;
  /** Called only when it is to be read. */
  stdin: () => Promise<AsyncIterable<Uint8Array>>;
  limits?: Partial<ReaderLimits>;
}

export function createLogReader({ cwd, stdin, limits }: ReaderOptions): LogReader {
  const all = { ...READER_LIMITS, ...limits };
  return {
    find: (paths) => findLogs(paths, { cwd, stdin }),
    async read(sources, taker, { signal, maxExpandedBytes }) {
      const passed = keepMemorySmall();
      const chosen =
        maxExpandedBytes === undefined
          ? all
          : // Somebody who names a limit has looked at the file: the ratio need not warn any more.
            { ...all, maxExpandedBytes, maxRatio: Number.POSITIVE_INFINITY };
      const reading: LogReading = {
        files: 0,
        bytes: 0,
        expanded_bytes: 0,
        problems: [],
        problem_count: 0,
        partial: false,
      };
      const queue = iteratorOf(sources);
      const worker = async (): Promise<void> => {
        for (;;) {
          if (signal.aborted) break;
          const { done, value } = await queue.next();
          if (done === true) return;
          await readSource(value, taker, { limits: chosen, signal, reading, passed });
        }
        reading.partial = true;
      };
      await Promise.all(Array.from({ length: PARALLEL }, worker));
      return reading;
    },
  };
}

/** Of both kinds; two workers may ask at once. */
async function* iteratorOf(
  sources: Iterable<LogSource> | AsyncIterable<LogSource>,
): AsyncGenerator<LogSource, undefined> {
  yield* sources;
  return undefined;
}

interface Run {
  limits: ReaderLimits;
  signal: AbortSignal;
  reading: LogReading;
  /** Called with the length of each chunk. */
  passed(bytes: number): void;
}

async function readSource(source: LogSource, taker: RecordTaker, run: Run): Promise<void> {
  const { reading, signal } = run;
  reading.files += 1;
  let feed: ByteFeed | null = null;
  try {
    feed = new ByteFeed(await source.open(signal), signal);
    await readFeed(source, feed, taker, run);
  } catch (error) {
    if (signal.aborted) reading.partial = true;
    else note(reading, { file: source.name, offset: feed?.offset ?? null, what: words(error) });
  } finally {
    reading.bytes += feed?.offset ?? 0;
    feed?.close();
  }
}

async function readFeed(
  source: LogSource,
  feed: ByteFeed,
  taker: RecordTaker,
  { limits, signal, reading, passed }: Run,
): Promise<void> {
  const lines = new LineFeed(taker, limits.maxLineBytes);
  const text = new Utf8Pieces((piece) => lines.push(piece));
  let expanded = 0;
  let limit: string | null = null;
  const data = (chunk: Buffer): void => {
    if (limit !== null) return;
    expanded += chunk.length;
    reading.expanded_bytes += chunk.length;
    passed(chunk.length);
    limit = exceeded(expanded, feed.offset, limits);
    if (limit === null) text.push(chunk);
  };
  const problem = (offset: number, what: string, lost = true): void => {
    // An interruption also ends in the middle of something.
    if (signal.aborted) return;
    lines.end();
    note(reading, { file: source.name, offset, what }, lost);
  };
  const goOn = (): boolean => limit === null && !signal.aborted;
  if (isGzip(await feed.peek(2))) await readGzip(feed, { data, problem, goOn });
  else {
    const named = /\.t?gz$/i.test(source.name) && (await feed.peek(1)).length > 0;
    if (named) problem(0, "has the ending .gz but is not compressed: read as text", false);
    for (let piece = await feed.take(PIECE_BYTES); piece !== null && goOn(); ) {
      data(piece);
      piece = await feed.take(PIECE_BYTES);
    }
  }
  if (goOn()) {
    text.end();
    lines.end();
  }
  if (limit !== null) {
    note(reading, { file: source.name, offset: feed.offset, what: limit });
  }
  if (signal.aborted) reading.partial = true;
}

function exceeded(expanded: number, stored: number, limits: ReaderLimits): string | null {
  if (expanded > limits.maxExpandedBytes) {
    return `expands to more than ${Math.floor(limits.maxExpandedBytes / MIB)} MiB: the rest is not read (--max-mib)`;
  }
  if (expanded > limits.ratioFromBytes && expanded > stored * limits.maxRatio) {
    return `expands more than ${limits.maxRatio} times, more than any log: the rest is not read (--max-mib)`;
  }
  return null;
}

/** Told, and of what is lost to the reader also kept in mind. */
function note(reading: LogReading, problem: LogProblem, lost = true): void {
  reading.problem_count += 1;
  reading.partial ||= lost;
  if (reading.problems.length < MAX_PROBLEMS) reading.problems.push(problem);
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "is a folder",
  ENOENT: "no longer exists",
  EIO: "the disk failed",
};

function words(error: unknown): string {
  if (error instanceof UpstreamError) return error.message;
  if (!(error instanceof Error)) return "cannot be read";
  const code = "code" in error ? String(error.code) : "";
  return WORDS[code] ?? `cannot be read (${code === "" ? error.message : code})`;
}
