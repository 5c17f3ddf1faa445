/** Files as incidents leave them: many members, cut, corrupt, mislabelled, hostile in size. */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { constants, crc32, deflateRawSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLogReader, type ReaderLimits } from "../../src/adapters/logs/reader.ts";
import { LogAnalysis } from "../../src/domain/logs/analysis.ts";
import { LocalError } from "../../src/ports/errors.ts";
import type { LogReading } from "../../src/ports/logs.ts";
import { EVERYTHING, errorLine, logLine, ndjson, traceEvent } from "../support/log-lines.ts";
import { runs } from "../support/runs.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "pixcanary-logs-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Read extends LogReading {
  lines: number;
  broken: number;
  errors: number;
}

async function read(
  paths: string[],
  options: { limits?: Partial<ReaderLimits>; stdin?: Buffer[]; maxExpandedBytes?: number } = {},
): Promise<Read> {
  const { limits = {}, stdin = [], ...rest } = options;
  const reader = createLogReader({ cwd: dir, stdin: async () => Readable.from(stdin), limits });
  const analysis = new LogAnalysis({ filter: EVERYTHING, changes: [] });
  const { sources } = await reader.find(paths);
  const { signal } = new AbortController();
  const reading = await reader.read(sources, analysis, { signal, ...rest });
  const { lines, broken, matched } = analysis.report();
  return { ...reading, lines, broken, errors: matched };
}

let files = 0;
async function file(content: Uint8Array, name = "log.gz"): Promise<string> {
  files += 1;
  const folder = join(dir, String(files));
  await mkdir(folder);
  await writeFile(join(folder, name), content);
  return join(String(files), name);
}

/** So many lines, each tenth an error. */
function content(count: number): Buffer {
  const at = (index: number) => (index % 10 === 0 ? errorLine(`boom ${index}`) : logLine());
  return ndjson(Array.from({ length: count }, (_, index) => traceEvent([at(index)])));
}

/** The same bytes in so many members, cut anywhere, also in the middle of a line. */
function members(bytes: Buffer, count: number): Buffer {
  const size = Math.ceil(bytes.length / count);
  const part = (index: number): Buffer => bytes.subarray(index * size, (index + 1) * size);
  return Buffer.concat(Array.from({ length: count }, (_, index) => gzipSync(part(index))));
}

describe("gzip", () => {
  it.each([1, 2, 50])("of %i members is read to its end", async (count) => {
    const bytes = content(500);
    const path = await file(members(bytes, count));
    expect(await read([path])).toMatchObject({
      files: 1,
      lines: 500,
      broken: 0,
      errors: 50,
      expanded_bytes: bytes.length,
      problem_count: 0,
      partial: false,
    });
  });

  it("is recognised by its first bytes, whatever it is called, and plain text as well", async () => {
    const bytes = content(20);
    for (const name of ["x.ndjson", "x.log", "x.txt"]) {
      expect(await read([await file(gzipSync(bytes), name)])).toMatchObject({
        lines: 20,
        errors: 2,
      });
      expect(await read([await file(bytes, name)])).toMatchObject({ lines: 20, errors: 2 });
    }
    expect(await read(["-"], { stdin: [gzipSync(bytes)] })).toMatchObject({ lines: 20 });
  });

  it("may have every optional field in its header", async () => {
    const bytes = content(5);
    const extra = [3, 0, 1, 2, 3];
    const name = [...Buffer.from("a name\0"), ...Buffer.from("a comment\0"), 0xaa, 0xbb];
    const head = Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, ...extra, ...name]);
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(crc32(bytes), 0);
    tail.writeUInt32LE(bytes.length, 4);
    const path = await file(Buffer.concat([head, deflateRawSync(bytes), tail]));
    expect(await read([path])).toMatchObject({ lines: 5, problem_count: 0 });
  });

  it("that was cut is read up to the cut, and reported with its name and offset", async () => {
    const whole = gzipSync(content(500));
    const path = await file(whole.subarray(0, whole.length / 2));
    const { lines, broken, problems, partial } = await read([path]);
    expect(lines).toBeGreaterThan(100);
    expect(lines).toBeLessThan(500);
    expect(broken).toBe(1);
    expect(problems).toEqual([
      { file: path, offset: Math.floor(whole.length / 2), what: expect.stringContaining("middle") },
    ]);
    expect(partial).toBe(true);
    for (const [size, what] of [
      [whole.length - 3, "before its checksum"],
      [5, "header"],
    ] as const) {
      const other = await read([await file(whole.subarray(0, size))]);
      expect(other.problems[0]?.what).toContain(what);
      expect(other.lines).toBe(size === 5 ? 0 : 500);
    }
  });

  it("with a wrong checksum loses no line", async () => {
    const good = gzipSync(content(30));
    const bad = Buffer.from(good);
    bad.writeUInt32LE(1, bad.length - 8);
    const path = await file(Buffer.concat([bad, good]));
    const { lines, problems } = await read([path]);
    expect(lines).toBe(60);
    expect(problems).toEqual([
      { file: path, offset: bad.length - 8, what: expect.stringContaining("checksum") },
    ]);
  });

  it.each([10, 30_000])(
    "that is corrupt after %i lines is read up to there, and after",
    async (count) => {
      // Flushed to a whole byte, and then a block of the type that deflate has not.
      const before = content(count);
      const flushed = deflateRawSync(before, { finishFlush: constants.Z_SYNC_FLUSH });
      const head = gzipSync(Buffer.alloc(0)).subarray(0, 10);
      const bad = Buffer.concat([head, flushed, Buffer.from([0x07]), randomBytes(500).fill(1)]);
      const path = await file(Buffer.concat([bad, gzipSync(content(10))]));
      const { lines, errors, problems } = await read([path]);
      expect({ lines, errors }).toEqual({ lines: count + 10, errors: count / 10 + 1 });
      expect(problems).toEqual([
        { file: path, offset: expect.any(Number), what: expect.stringContaining("corrupt") },
      ]);
      const offset = head.length + flushed.length;
      expect(Math.abs((problems[0]?.offset ?? 0) - offset)).toBeLessThan(16);
    },
  );

  it("may be followed by zeros, but not by something else unsaid", async () => {
    const good = gzipSync(content(10));
    const padded = await read([await file(Buffer.concat([good, Buffer.alloc(10_000)]))]);
    expect(padded).toMatchObject({ lines: 10, problem_count: 0 });
    const followed = await file(Buffer.concat([good, Buffer.from("rubbish"), good]));
    const { lines, problems } = await read([followed]);
    expect(lines).toBe(20);
    expect(problems).toEqual([
      { file: followed, offset: good.length, what: expect.stringContaining("not gzip") },
    ]);
  });

  it("that is text under a wrong name is read as text", async () => {
    const path = await file(content(10), "wrong.log.gz");
    const { lines, problems } = await read([path]);
    expect(lines).toBe(10);
    expect(problems).toEqual([
      { file: path, offset: 0, what: expect.stringContaining("not compressed") },
    ]);
    expect(await read([await file(Buffer.alloc(0))])).toMatchObject({ lines: 0, problem_count: 0 });
  });

  it("of any bytes never throws, hangs or stops the other files", async () => {
    const good = await file(gzipSync(content(10)));
    const whole = members(content(60), 3);
    const damaged = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(damaged, fc.nat(whole.length), async (changes, length) => {
        const bytes = Buffer.from(whole);
        for (const [at, byte] of changes) bytes[at] = byte;
        const path = await file(bytes.subarray(0, length));
        const { lines, expanded_bytes: expanded } = await read([path, good]);
        expect(lines).toBeGreaterThanOrEqual(10);
        expect(expanded).toBeLessThan(10_000_000);
      }),
      { numRuns: runs(100) },
    );
  });
});

describe("lines", () => {
  it("do not depend on where the bytes are cut", async () => {
    const bytes = Buffer.concat([Buffer.from("\ufeff"), content(40), Buffer.from('{"level":"ERR')]);
    const expected = await read([await file(bytes, "a.log")]);
    expect(expected).toMatchObject({ lines: 41, broken: 1, errors: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1 }),
        async (cuts) => {
          const pieces: Buffer[] = [];
          for (let at = 0, n = 0; at < bytes.length; n += 1) {
            const size = cuts[n % cuts.length] ?? 1;
            pieces.push(bytes.subarray(at, at + size));
            at += size;
          }
          const { lines, broken, errors } = await read(["-"], { stdin: pieces });
          expect({ lines, broken, errors }).toEqual({ lines: 41, broken: 1, errors: 4 });
        },
      ),
      { numRuns: runs(60) },
    );
  });

  it("that are too long are counted as broken, and only they", async () => {
    const long = Buffer.from(JSON.stringify(errorLine("x".repeat(2_000))));
    const bytes = Buffer.concat([content(10), long, Buffer.from("\n"), content(10), long]);
    const found = await read([await file(bytes, "a.log")], { limits: { maxLineBytes: 1_500 } });
    expect(found).toMatchObject({ lines: 22, broken: 2, errors: 2, partial: false });
  });

  it("end in either way of other systems, and may be empty", async () => {
    const text = content(10).toString().replaceAll("\n", "\r\n\r\n\n");
    expect(await read([await file(Buffer.from(text), "a.log")])).toMatchObject({
      lines: 10,
      broken: 0,
      errors: 1,
    });
  });
});

describe("limits", () => {
  it("on expansion end a file, and say so; others are read", async () => {
    const path = await file(gzipSync(content(2_000)));
    const good = await file(gzipSync(content(10)));
    const limits = { maxExpandedBytes: 300_000 };
    const {
      problems,
      partial,
      lines,
      expanded_bytes: expanded,
    } = await read([path, good], { limits });
    expect(problems).toMatchObject([{ file: path, what: expect.stringContaining("not read") }]);
    expect(partial).toBe(true);
    expect(lines).toBeGreaterThanOrEqual(10);
    expect(expanded).toBeLessThan(600_000);
  });
  it("on the ratio hold for bombs, until somebody names a limit", async () => {
    const path = await file(gzipSync(Buffer.alloc(3_000_000, "\n")));
    const limits = { ratioFromBytes: 1_000_000 };
    expect((await read([path], { limits })).problems[0]?.what).toContain("200 times");
    const found = await read([path], { limits, maxExpandedBytes: 10_000_000 });
    expect(found).toMatchObject({ problem_count: 0, expanded_bytes: 3_000_000 });
  });
});

describe("paths", () => {
  it("that are not there are refused before anything is read", async () => {
    const reader = createLogReader({ cwd: dir, stdin: async () => Readable.from([]) });
    await expect(reader.find(["nowhere.log.gz"])).rejects.toThrow(LocalError);
    await expect(reader.find(["nowhere.log.gz"])).rejects.toThrow("no such file");
  });
  it("of folders mean the logs in them, not the manifest, links or other files", async () => {
    const folder = join(dir, "pulled");
    await mkdir(join(folder, "b2a/20260501"), { recursive: true });
    await writeFile(join(folder, "b2a/20260501/one.log.gz"), gzipSync(content(10)));
    for (const name of ["two.ndjson", "three.json", "four.log", "notes.txt", "five.log.gz.part"]) {
      await writeFile(join(folder, name), content(10));
    }
    const window = { since: "2026-05-01T00:00:00Z", until: "2026-05-01T01:00:00Z" };
    const manifest = { schema: 1, env: "e", bucket: "b", prefix: "", window, files: [] };
    await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
    await symlink(folder, join(folder, "round.log"));
    const reader = createLogReader({ cwd: dir, stdin: async () => Readable.from([]) });
    const found = await reader.find(["pulled"]);
    expect(found.sources.map(({ name }) => name)).toEqual([
      "pulled/b2a/20260501/one.log.gz",
      "pulled/four.log",
      "pulled/three.json",
      "pulled/two.ndjson",
    ]);
    expect(found.window).toEqual({
      sinceMs: Date.parse(window.since),
      untilMs: Date.parse(window.until),
    });
    expect(await read(["pulled"])).toMatchObject({ files: 4, lines: 40 });
    await mkdir(join(dir, "empty"));
    expect((await reader.find(["empty"])).empty).toEqual(["empty"]);
  });
  it("that fail while reading are reported; others are read", async () => {
    const reader = createLogReader({ cwd: dir, stdin: async () => Readable.from([]) });
    const analysis = new LogAnalysis({ filter: EVERYTHING, changes: [] });
    const bytes = content(10);
    const failing = async function* () {
      yield bytes;
      throw new Error("the line broke");
    };
    const sources = [
      { name: "bad", bytes: null, open: async () => failing() },
      { name: "gone", bytes: null, open: () => Promise.reject(new Error("gone")) },
      { name: "good", bytes: null, open: async () => Readable.from([bytes]) },
    ];
    const { signal } = new AbortController();
    const reading = await reader.read(sources, analysis, { signal });
    expect(reading.problems.map(({ file: name, offset }) => [name, offset]).sort()).toEqual([
      ["bad", bytes.length],
      ["gone", null],
    ]);
    expect(analysis.report()).toMatchObject({ lines: 20, broken: 0 });
  });
  it("that never end are left when somebody interrupts", async () => {
    const reader = createLogReader({ cwd: dir, stdin: async () => Readable.from([]) });
    const analysis = new LogAnalysis({ filter: EVERYTHING, changes: [] });
    const stop = new AbortController();
    const stuck = async function* () {
      yield content(10);
      stop.abort();
      await new Promise(() => undefined);
    };
    const sources = [{ name: "stuck", bytes: null, open: async () => stuck() }];
    const reading = await reader.read(sources, analysis, { signal: stop.signal });
    expect(reading).toMatchObject({ partial: true, problem_count: 0 });
    expect(analysis.report().lines).toBe(10);
  });
  it("are left when somebody interrupts: what was read stands", async () => {
    const reader = createLogReader({ cwd: dir, stdin: async () => Readable.from([]) });
    const analysis = new LogAnalysis({ filter: EVERYTHING, changes: [] });
    const stop = new AbortController();
    const bytes = content(10);
    const endless = async function* () {
      for (let n = 0; ; n += 1) {
        if (n === 50) stop.abort();
        yield bytes;
      }
    };
    const sources = [{ name: "endless", bytes: null, open: async () => endless() }];
    const reading = await reader.read(sources, analysis, { signal: stop.signal });
    expect(reading.partial).toBe(true);
    expect(analysis.report().lines).toBeGreaterThan(400);
  });
});
