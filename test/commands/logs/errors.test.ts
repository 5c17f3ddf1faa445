/** `logs errors` as a program: its numbers against the runbook's own pipeline, its limits, its words. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { createGzip, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { traceEvent as generated, randomFrom } from "../../../bench/log-data.ts";
import { peakKibIn, REPORT_PEAK } from "../../../bench/peak-memory.ts";
import { createLogReader } from "../../../src/adapters/logs/reader.ts";
import type { Outcome } from "../../../src/commands/command.ts";
import { logsErrors } from "../../../src/commands/logs/errors.ts";
import type { LogsErrorsData } from "../../../src/commands/logs/errors-text.ts";
import { normalise } from "../../../src/domain/logs/normalise.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { LogArchive } from "../../../src/ports/logs.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import type { Sandbox } from "../../../src/sandbox/index.ts";
import {
  type CliOptions,
  type CliResult,
  ensureCli,
  NODE,
  PLAIN_ENV,
  runCli,
} from "../../support/cli.ts";
import { modelPorts } from "../../support/fake-ports.ts";
import { runHere } from "../../support/here.ts";
import { hostileText } from "../../support/hostile-text.ts";
import { journalEntry } from "../../support/journal-entries.ts";
import { jq } from "../../support/jq.ts";
import {
  errorLine,
  type Line,
  logLine,
  ndjson,
  START_MS,
  traceEvent,
} from "../../support/log-lines.ts";
import { PATIENCE } from "../../support/patience.ts";
import { GIVEN } from "../../support/ports-of.ts";
import { thoroughly } from "../../support/runs.ts";
import { startSandbox } from "../../support/sandbox.ts";
import { ensureBundle } from "../../worker/bundle.ts";

const RUNBOOK_FILE = new URL("../../../RUNBOOK.md", import.meta.url);

let dir = "";
beforeAll(async () => {
  await ensureCli();
  dir = await mkdtemp(join(tmpdir(), "pixcanary-errors-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** In a process of its own only where that is what is tried, or where its standard input is read. */
function cli(args: string[], options: CliOptions = {}): Promise<CliResult> {
  const alone = args.includes("-") || ["nodeArgs", "wrap", "onStart"].some((n) => n in options);
  const run = alone ? runCli : runHere;
  return run(["logs", "errors", ...args], { cwd: dir, ...options });
}

const OWN_PROCESS: CliOptions = { wrap: (words) => words };

async function json(args: string[], options: CliOptions = {}): Promise<LogsErrorsData> {
  const { code, stdout, stderr } = await cli([...args, "--json"], options);
  if (code !== 0 && code !== 20) throw new Error(`exit ${code}: ${stdout}${stderr}`);
  return JSON.parse(stdout) as LogsErrorsData;
}

/** Until somebody else has read all that a pipe held. */
async function emptied(pipe: FileHandle): Promise<void> {
  await vi.waitUntil(async () => {
    const { bytesRead, buffer } = await pipe.read().catch(() => ({ bytesRead: 0, buffer: null }));
    if (buffer !== null && bytesRead > 0) await pipe.write(buffer.subarray(0, bytesRead));
    return bytesRead === 0;
  }, PATIENCE);
}

/** As `jq -r FILTER | sort | uniq -c`. */
async function runbook(text: string, filter: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const line of (await jq(text, filter)).filter((one) => one !== "")) {
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return counts;
}

/** The same table out of our groups: several may share one `context.error`. */
function table(groups: LogsErrorsData["groups"]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { error, count } of groups) {
    const key = error ?? "null";
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return counts;
}

function folded(counts: ReadonlyMap<string, number>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [line, count] of counts) {
    sums.set(normalise(line), (sums.get(normalise(line)) ?? 0) + count);
  }
  return sums;
}

/** What the runbook gives to do by hand: out of a trace event, and without that part for plain lines. */
const BY_HAND = /jq -r '([^']*)'/.exec(await readFile(RUNBOOK_FILE, "utf8"))?.[1] ?? "";
const UNWRAP = ".Logs[].Message[] | fromjson? | ";

describe("the numbers equal those of the runbook's pipeline", () => {
  it("on plain lines with level and context.error", async () => {
    const random = randomFrom(11);
    const errors = ["pool exhausted", "connect ECONNREFUSED", "intent 17 lost", "intent 4711 lost"];
    const lines = Array.from({ length: 3_000 }, () => {
      const error = errors[Math.floor(random() * 4)];
      const level = ["ERROR", "INFO", "WARN"][Math.floor(random() * 3)];
      return { level, message: "said", context: random() < 0.9 ? { error } : {} };
    });
    const text = ndjson(lines);
    await writeFile(join(dir, "incident.log"), text);
    const { groups, matched } = await json(["incident.log"]);
    expect(BY_HAND).toMatch(/^\.Logs\[\]\.Message\[\] \| fromjson\? \| select\(/);
    const wanted = await runbook(text.toString(), BY_HAND.replace(UNWRAP, ""));
    expect(table(groups)).toEqual(folded(wanted));
    expect(matched).toBe([...wanted.values()].reduce((sum, count) => sum + count, 0));
  });

  it("on trace events in several gzip files", async () => {
    const random = randomFrom(12);
    const parts = Array.from({ length: 3 }, (_, part) =>
      Array.from({ length: 3_000 }, (_, n) => `${generated(random, part * 3_000 + n)}\n`).join(""),
    );
    await mkdir(join(dir, "events"));
    for (const [index, part] of parts.entries()) {
      await writeFile(join(dir, "events", `${index}.log.gz`), gzipSync(part));
    }
    const { groups, lines, broken, rates } = await json(["events"]);
    const text = parts.join("");
    expect({ lines, broken }).toEqual({ lines: 9_000, broken: 0 });
    expect(table(groups)).toEqual(folded(await runbook(text, BY_HAND)));
    const rate = `${UNWRAP}1 / .sample_rate`;
    const requests = [...(await runbook(text, rate))].reduce(
      (sum, [n, c]) => sum + Number(n) * c,
      0,
    );
    expect(rates.reduce((sum, one) => sum + one.requests, 0)).toBeCloseTo(requests, 3);
  });
});

describe("without configuration, token and network", () => {
  const plain = ndjson([errorLine("boom 17"), errorLine("boom 18"), logLine()]);

  it("reads a file, standard input, several paths at once", async () => {
    await writeFile(join(dir, "a.ndjson"), plain);
    const { code, stdout, stderr } = await cli(["a.ndjson"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "reading 1 file (1.2 KiB)\n" });
    expect(stdout).toContain("2 ERROR in 3 log lines");
    expect(stdout).toContain("1. 2 (100 %)  Error: boom <n>");
    expect(stdout).toContain("ray b2f3857d67d0775b");
    expect(stdout).toContain("native b1a       2 of about 12 (16.7 %)");
    expect((await json(["a.ndjson", "-"], { input: plain.toString() })).lines).toBe(6);
    expect(await json(["-"], { input: plain.toString() })).toMatchObject({
      schema: 1,
      command: "logs errors",
      env: null,
      exit_code: 0,
      lines: 3,
      broken: 0,
      groups: [{ message: "Error: boom <n>", count: 2, example: { ray_id: "b2f3857d67d0775b" } }],
    });
  });

  it("answers with 0 when there is no error among the lines", async () => {
    const { code, stdout } = await cli(["-"], { input: ndjson([logLine()]).toString() });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringContaining("no ERROR in 1"),
    });
  });

  it("tells of what is broken, by name and offset, and reads on", async () => {
    const lines = Array.from({ length: 200 }, () => errorLine(randomBytes(9).toString("hex")));
    const whole = gzipSync(ndjson(lines));
    const size = Math.floor(whole.length / 2);
    await writeFile(join(dir, "cut.log.gz"), whole.subarray(0, size));
    const { code, stdout } = await cli(["cut.log.gz", "a.ndjson"]);
    expect(code).toBe(20);
    expect(stdout).toContain("not all of it could be read");
    expect(stdout).toContain(`cut.log.gz at byte ${size}: ends in the middle of compressed data`);
    expect(stdout).toContain("! 1 line broken");
  });

  it.each([
    [["nowhere.log"], "cannot read nowhere.log: no such file or folder"],
    [["a.ndjson", "--grep", "("], "--grep must be a regular expression"],
    [["a.ndjson", "--top", "0"], "--top must be a number"],
    [["a.ndjson", "--max-mib", "x"], "--max-mib must be a number"],
    [["a.ndjson", "--since", "yesterday"], "--since must be"],
    [["a.ndjson", "--since", "1h", "--until", "2h"], "--since must be earlier than --until"],
    [["a.ndjson", "--env", "staging"], "no pixcanary.json"],
    [[], "no pixcanary.json"],
  ])("%j is a mistake of usage", async (args, message) => {
    const { code, stderr } = await cli(args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
  });

  it("is helped by a group of verbs, and completed", async () => {
    const help = await runHere(["logs", "--help"], { cwd: dir });
    expect(help.stdout).toMatch(/errors .*paths.*\n(?:.*\n)*/);
    expect(help.stdout).toContain("pull");
    expect((await runHere(["logs", "errors", "--help"])).stdout).toContain("--max-mib <n>");
    expect((await runCli(["complete", "--", "pixcanary logs e"])).stdout).toMatch(/^errors\t/m);
    const flags = await runCli(["complete", "--", "pixcanary logs errors --"]);
    expect(flags.stdout).toMatch(/^--grep\t/m);
    expect(flags.stdout).toMatch(/^--env\t/m);
  });

  it.each([
    ["at once", (): Promise<unknown> => Promise.resolve()],
    // A pipe that has been emptied: the program waits for more, and nothing else.
    ["while it waits for more", emptied],
  ])("leaves with 130 when it is interrupted %s", async (_when, moment) => {
    const name = join(await mkdtemp(join(dir, "pipe-")), "pipe");
    await promisify(execFile)("mkfifo", [name]);
    const writer = await open(name, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      await writer.write(plain);
      const { code, stderr } = await cli([name], {
        onStart: (child) => {
          child.stderr?.once("data", () => void moment(writer).then(() => child.kill("SIGINT")));
        },
      });
      expect({ code, stderr }).toEqual({
        code: 130,
        stderr: expect.stringContaining("✖ logs errors: interrupted"),
      });
      expect(stderr).toMatch(/read \d lines of 1 file/);
    } finally {
      await writer.close();
    }
  });

  it("reads a pipe from its first writer to its last", async () => {
    const name = join(await mkdtemp(join(dir, "pipe-")), "pipe");
    await promisify(execFile)("mkfifo", [name]);
    // Either may be the first to open it: a reader waits for a writer.
    const reading = json([name], OWN_PROCESS);
    await writeFile(name, plain);
    const data = await reading;
    expect(data.reading).toMatchObject({ files: 1, bytes: plain.length, partial: false });
    expect(data.groups).toMatchObject([{ count: 2 }]);
  });
});

describe("what cannot be told", () => {
  const good = ndjson(Array.from({ length: 99 }, () => logLine())).toString();
  const garbage = "connection reset\n";

  it.each([
    ["no line at all", "", 0],
    ["blank lines", "\n  \n", 0],
    ["text that is no log", garbage.repeat(3), 0],
    ["lines without a level", '{"message":"x"}\n'.repeat(3), 0],
    ["more than a trifle", good + garbage + garbage, 0],
    ["more than a trifle, next to an error", `${JSON.stringify(errorLine("boom"))}\n${garbage}`, 1],
  ])("is said, with 20, in text and as JSON: %s", async (_what, input, matched) => {
    const { code, stdout } = await cli(["-"], { input });
    expect(code).toBe(20);
    const claim = matched > 0 ? "these are all errors" : "there are no errors";
    expect(stdout).toContain(`✖ logs errors: cannot say that ${claim}: `);
    expect(stdout).not.toContain("no ERROR");
    expect(stdout).toContain(matched > 0 ? "Error: boom" : "0 ERROR in");
    const data = await json(["-"], { input });
    expect(data).toMatchObject({
      outcome: "unhealthy",
      exit_code: 20,
      verdict: "cannot_say",
      matched,
    });
    expect(data.doubts).toHaveLength(1);
  });

  it("is not said for a trifle", async () => {
    expect(await json(["-"], { input: good + garbage })).toMatchObject({
      verdict: "none",
      doubts: [],
    });
  });

  it("is said when no line is of the time or route asked for", async () => {
    for (const flags of [
      ["--since", "2027-01-01"],
      ["--route", "/api/nowhere"],
    ]) {
      const { code, stdout } = await cli(["-", ...flags], { input: good });
      expect({ code, stdout }).toEqual({
        code: 20,
        stdout: expect.stringContaining("99 lines read, but none is of the time"),
      });
    }
  });

  it("is said of a folder without a log file, also next to one that has some", async () => {
    const empty = await mkdtemp(join(dir, "empty-"));
    await writeFile(join(empty, "notes.txt"), "x");
    await writeFile(join(dir, "good.ndjson"), good);
    for (const paths of [[empty], [empty, "good.ndjson"]]) {
      const { code, stdout, stderr } = await cli(paths);
      expect(code).toBe(20);
      expect(stdout).toContain(`no file found below ${empty}`);
      expect(stderr).toContain("1 file not read");
    }
  });
});

describe("what wrangler and PowerShell leave", () => {
  const tail = new URL("../../adapters/logs/tail-format-json.txt", import.meta.url);

  it("is read as RUNBOOK says: tail --format json, indented, in UTF-8 and UTF-16", async () => {
    const text = await readFile(tail, "utf8");
    await writeFile(join(dir, "tail.json"), text);
    await writeFile(join(dir, "tail16.json"), Buffer.from(`\ufeff${text}`, "utf16le"));
    for (const name of ["tail.json", "tail16.json"]) {
      const { code, stdout } = await cli([name]);
      expect(code).toBe(0);
      expect(stdout).toContain("3 ERROR in 3 log lines");
      for (const found of ["TypeError: Cannot read", "pool timeout", "outcome exceededCpu"]) {
        expect(stdout).toContain(found);
      }
      expect(stdout).toContain("outcomes  exceededCpu 1 · exception 1");
    }
  });

  it("has times without a zone, which are UTC wherever this runs", async () => {
    const input = ndjson([errorLine("boom", { timestamp: "2025-11-28 08:00:01" })]).toString();
    const window = ["--since", "2025-11-28T08:00:00Z", "--until", "2025-11-28T08:01:00Z"];
    for (const TZ of ["America/New_York", "Asia/Tokyo"]) {
      const data = await json(["-", ...window], {
        ...OWN_PROCESS,
        input,
        env: { ...PLAIN_ENV, TZ },
      });
      expect(data).toMatchObject({ matched: 1, first_at: "2025-11-28T08:00:01.000Z" });
    }
  });
});

describe("memory", () => {
  const PEAK_KIB = 150 * 1024;
  /** Digits would be folded. */
  const letters = (n: number): string =>
    [n / 676, n / 26, n].map((part) => String.fromCharCode(97 + (part % 26))).join("");
  /** More than the bound of what is read unasked, and than what V8 would leave lying about. */
  const GIBS = thoroughly(1, 0.25);
  /** The whole program, in a process of its own: KiB at its peak. */
  async function measured(path: string, flags: string[] = [], options: CliOptions = {}) {
    const { stdout, stderr, code } = await cli([path, "--json", ...flags], {
      nodeArgs: ["--import", REPORT_PEAK],
      ...options,
    });
    expect([0, 20]).toContain(code);
    const peak = peakKibIn(stderr);
    return { peak, data: JSON.parse(stdout) as LogsErrorsData };
  }
  async function big(name: string, parts: Iterable<Buffer>, level = 1): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of Readable.from(parts).pipe(createGzip({ level }))) chunks.push(chunk);
    await writeFile(join(dir, name), Buffer.concat(chunks));
    return name;
  }

  it(`is bounded for ${GIBS} GiB out of as many MiB, also when all of it is asked for`, async () => {
    const spaces = Buffer.alloc(4 * 1024 ** 2, " ");
    const member = await readFile(join(dir, await big("member.gz", Array(64).fill(spaces), 6)));
    const path = "bomb.gz";
    await writeFile(join(dir, path), Buffer.concat(Array(4 * GIBS).fill(member)));
    const guarded = await measured(path);
    expect(guarded.data.reading).toMatchObject({ partial: true, problem_count: 1 });
    expect(guarded.data.reading.expanded_bytes).toBeLessThan(200 * 1024 ** 2);
    expect(guarded.peak).toBeLessThan(PEAK_KIB);
    const full = await measured(path, ["--max-mib", "2048"]);
    expect(full.data).toMatchObject({ lines: 0, broken: 0, verdict: "cannot_say" });
    expect(full.data.reading).toMatchObject({ partial: false, expanded_bytes: GIBS * 1024 ** 3 });
    // Chunks that were read do not pile up to the 64 MiB at which V8 would look after them.
    expect(full.peak).toBeLessThan(PEAK_KIB - 20 * 1024);
  });

  it("is bounded for a line of 100 MiB, and for errors that are all different", async () => {
    const part = Buffer.from(randomBytes(64 * 1024).toString("hex"));
    const usual = ndjson([logLine(), errorLine("boom")]);
    const line = [usual, ...Array<Buffer>(800).fill(part), Buffer.from("\n"), usual];
    const long = await measured(await big("long.gz", line, 0));
    expect(long.data).toMatchObject({ lines: 5, broken: 1, matched: 2 });
    expect(long.peak).toBeLessThan(PEAK_KIB);
    const text = (bytes: string): Buffer[] => [
      Buffer.from(bytes),
      ...Array<Buffer>(800).fill(part),
    ];
    const record = await measured(
      await big("record.gz", [...text('{"a":"'), Buffer.from('"}'), usual], 0),
    );
    expect(record.data).toMatchObject({ lines: 3, broken: 1, matched: 1 });
    expect(record.peak).toBeLessThan(PEAK_KIB);
    const different = function* (): Generator<Buffer> {
      for (let batch = 0; batch < 10; batch += 1) {
        const text = () => randomBytes(30).toString("base64").replaceAll(/\d/g, "x");
        const line = () => errorLine(text(), { colo: text(), route: text(), rayID: text() });
        yield ndjson(Array.from({ length: 500 }, () => traceEvent([line()])));
      }
    };
    const many = await measured(await big("many.gz", different()));
    expect(many.data).toMatchObject({ lines: 5_000, broken: 0, matched: 5_000 });
    expect(many.data.groups).toHaveLength(1_000);
    expect(many.peak).toBeLessThan(PEAK_KIB);
  });

  it("is bounded when a thousand groups have forty values and more of each word", async () => {
    const words = function* (): Generator<Buffer> {
      for (let group = 0; group < 1_000; group += 1) {
        const line = (n: number) => {
          const word = (name: string) => `${name}${group}-${n}`.padEnd(120, "x");
          const [cohort, phase, route] = ["h", "p", "/"].map(word);
          const [colo, country, device] = ["c", "l", "d"].map(word);
          const given = { cohort, phase, route, colo, country, device };
          return errorLine(`boom ${letters(group)}`, given);
        };
        yield ndjson(Array.from({ length: 45 }, (_, n) => line(n)));
      }
    };
    const { data, peak } = await measured(await big("words.gz", words()));
    expect(data).toMatchObject({ lines: 45_000, broken: 0, matched: 45_000, others: 0 });
    expect(data.groups).toHaveLength(1_000);
    expect(peak).toBeLessThan(PEAK_KIB);
  });

  it("is bounded when a thousand errors are as long as an error can be", async () => {
    const long = function* (): Generator<Buffer> {
      for (let n = 0; n < 4_000; n += 1) {
        const message = `boom ${letters(n % 1_000)} `.padEnd(2_000, "漢");
        const context = { error: `E ${message}`, stack: `E\n    at ${"漢".repeat(4_000)}` };
        yield ndjson([errorLine(message, { context })]);
      }
    };
    const { data, peak } = await measured(await big("long-errors.gz", long()));
    expect(data).toMatchObject({ lines: 4_000, broken: 0, matched: 4_000 });
    expect(data.groups.reduce((sum, { count }) => sum + count, data.others)).toBe(4_000);
    expect(peak).toBeLessThan(PEAK_KIB);
  });

  it("is bounded when each error is another one and its line nearly a mebibyte long", async () => {
    // With their lines kept whole, so many exceed the bound.
    const WIDE = 120;
    const pad = "x".repeat(900_000);
    const word = (n: number): string => String.fromCharCode(97 + (n % 26), 97 + Math.floor(n / 26));
    const lines = function* (): Generator<Buffer> {
      for (let n = 0; n < WIDE; n += 1) {
        const context = { error: `boom ${word(n)}`, stack: `Error\n    at ${pad}` };
        yield ndjson([traceEvent([errorLine(word(n), { context })])]);
      }
    };
    const path = await big("wide.gz", lines());
    const file = await measured(path, ["--max-mib", "1024"]);
    // What a pipe brings must not pile up either.
    const pipe = await measured("-", [], {
      wrap: (words) => ["/bin/sh", "-c", `gzip -dc ${path} | "$@"`, "sh", ...words],
    });
    for (const { data, peak } of [file, pipe]) {
      expect(data).toMatchObject({ lines: WIDE, broken: 0, matched: WIDE });
      expect(data.groups).toHaveLength(WIDE);
      expect(peak).toBeLessThan(PEAK_KIB);
    }
  });
});

it("is printed whole, however slowly a pipe is read", async () => {
  const lines = Array.from({ length: 1_000 }, (_, n) => {
    const letters = n
      .toString(26)
      .replaceAll(/\d/g, (digit) => String.fromCharCode(113 + Number(digit)));
    return errorLine(`boom ${letters}`, { context: { error: "E", stack: "at x\n".repeat(200) } });
  });
  await writeFile(join(dir, "slow.ndjson"), ndjson(lines));
  // The pauses only make room for the fault: none of them has to be long enough.
  const reader =
    "process.stdin.on('data', (piece) => { process.stdout.write(piece); process.stdin.pause();" +
    " setTimeout(() => process.stdin.resume(), 30); })";
  const { stdout } = await cli(["slow.ndjson", "--json"], {
    wrap: (words) => ["/bin/sh", "-c", '"$@" | "$0" -e "$READER"', NODE, ...words],
    env: { ...PLAIN_ENV, READER: reader },
  });
  expect(JSON.parse(stdout)).toMatchObject({ lines: 1_000, outcome: "done" });
});

/** The verb itself on a model of the world, with the real reader. */
function ports(changed: Partial<Ports> = {}): Ports {
  const model = modelPorts({} as never);
  const reader = createLogReader({ cwd: dir, stdin: async () => Readable.from([]) });
  return { ...model, logs: { ...model.logs, reader }, ...changed };
}

function errors(flags: Record<string, unknown>, world: Ports): Promise<Outcome<LogsErrorsData>> {
  return logsErrors.run({ ...GIVEN, ...logsErrors.input.parse(flags) }, world);
}

describe("what is printed (AT-23)", () => {
  const UNSAFE =
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

  it("holds no control character of any field of any line, and not one line more", async () => {
    const texts = fc.sample(hostileText(6), 5_000);
    let next = 0;
    const text = (): string => {
      next += 1;
      return texts[next % texts.length] ?? "";
    };
    const hostile = (): Line => ({
      ...errorLine(text(), { colo: text(), cohort: text(), phase: text(), route: text() }),
      ...{ country: text(), device: text(), rayID: text(), method: text(), status: 500 },
      context: { error: text(), stack: `${text()}\n    at ${text()}\n at ${text()}` },
    });
    const lines = Array.from({ length: 1_200 }, hostile);
    const raw = Array.from({ length: 300 }, () => traceEvent([text()], { Outcome: text() }));
    await writeFile(
      join(dir, "hostile\u001b[31m.log"),
      Buffer.concat([ndjson(lines), ndjson(raw)]),
    );
    const path = "hostile\u001b[31m.log";
    const shown = await cli([path, "--top", "5000"]);
    expect(shown.code).toBe(0);
    expect(UNSAFE.exec(shown.stdout + shown.stderr)?.[0]).toBeUndefined();
    // Only our own lines begin with our own words.
    const ours = /^(?: {2,}|\d+\. \d+ \(|! (?:\d+ |grew|new|partly| )|$)/;
    expect(shown.stdout.split("\n").filter((line) => !ours.test(line))).toEqual([]);
    const asJson = await cli([path, "--json"]);
    expect(UNSAFE.exec(asJson.stdout)?.[0]).toBeUndefined();
    expect(JSON.parse(asJson.stdout)).toMatchObject({ outcome: "done" });
  });
});

describe("the journal", () => {
  const entry = journalEntry({
    id: "01JCQ0000000000000000000BB",
    at: new Date(START_MS + 60_000).toISOString(),
    command: "restore",
    reason: "try again",
    after: { percent: 10, emergency: false, revision: "01JCQ0000000000000000000BB" },
  });

  it("marks what is new since the last change", async () => {
    const lines = [logLine(), errorLine("old"), errorLine("new", {}, START_MS + 70_000)];
    await writeFile(join(dir, "marked.log"), ndjson(lines));
    const journal = {
      append: async () => [],
      appendHere: async () => [],
      openIncident: async () => null,
      recent: async () => ({ entries: [entry], warnings: [] }),
    };
    const outcome = await errors({ paths: ["marked.log"] }, ports({ journal }));
    const text = logsErrors.render(outcome);
    expect(text).toContain("Error: new\n! new since restore at 2026-05-01T00:50:00Z (1 since then");
    expect(text).not.toContain("Error: old\n!");
  });
});

describe("an interruption", () => {
  it("tells what was found until then", async () => {
    const stop = new AbortController();
    const world = ports({ interrupt: stop.signal });
    const source = async function* () {
      yield ndjson([errorLine("boom")]);
      stop.abort("SIGINT");
      await new Promise(() => undefined);
    };
    const sources = [{ name: "x", bytes: null, open: async () => source() }];
    world.logs.reader.find = async () => ({ sources, warnings: [], empty: [], window: null });
    const outcome = await errors({ paths: ["x"] }, world);
    expect(outcome).toMatchObject({ kind: "interrupted", data: { matched: 1 } });
    const text = logsErrors.render(outcome);
    expect(text).toContain("Error: boom");
    expect(text).toContain("! incomplete: not everything was read");
  });
});

describe("straight from R2", () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    await ensureBundle();
    sandbox = await startSandbox({
      locations: ["FRA"],
      lagMs: { min: 0, max: 0 },
      rateLimits: false,
    });
  });
  afterAll(() => sandbox.close());

  it("finds late batches, and counts by the time of the event; a folder of logs pull likewise", async () => {
    const env = { ...PLAIN_ENV, HOME: dir, XDG_STATE_HOME: join(dir, "state") };
    const { configPath } = sandbox.description;
    const nowMs = Date.now();
    const event = (agoMinutes: number, message: string) =>
      traceEvent([errorLine(message, {}, nowMs - agoMinutes * 60_000)]);
    const range = (from: number, to: number) => ({
      fromMs: nowMs - from * 60_000,
      toMs: nowMs - to * 60_000,
    });
    // The second batch was delivered after the window, with events from within and from after it.
    await sandbox.control.logs.addBatch(range(50, 49), [event(50, "a"), event(49.5, "b")]);
    await sandbox.control.logs.addBatch(range(18, 17), [event(31, "c"), event(18, "d")]);
    await sandbox.control.logs.addBatch(range(300, 299), [event(300, "e")]);
    const time = (ago: number) => new Date(nowMs - ago * 60_000).toISOString();
    const flags = ["--config", configPath, "--since", time(55), "--until", time(30)];
    const names = ({ groups }: LogsErrorsData) =>
      groups.map(({ message }) => message.at(-1)).sort();
    const data = await json(flags, { env });
    expect(names(data)).toEqual(["a", "b", "c"]);
    expect(data.reading).toMatchObject({ files: 2, problem_count: 0, partial: false });
    const pulled = await runHere(["logs", "pull", ...flags, "--out", join(dir, "pulled")], { env });
    expect(pulled.code).toBe(0);
    expect(names(await json(["pulled"]))).toEqual(["a", "b", "c"]);
    expect(names(await json(["pulled", "--since", "2020-01-01"]))).toEqual(["a", "b", "c", "d"]);
  });

  it("without a bucket in the configuration asks for one, not for another try", async () => {
    const world = ports();
    const archive: LogArchive = {
      ...world.logs.archive,
      place: null,
      list: () => ({
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.reject(new UpstreamError("not-found", 'no "logsBucket"')),
        }),
      }),
    };
    const outcome = await errors({ paths: [] }, { ...world, logs: { ...world.logs, archive } });
    expect(outcome).toMatchObject({ kind: "failed", code: "usage" });
    expect(outcome.next).toMatch(/^pixcanary doctor /);
  });

  it("says so when the bucket cannot be read", async () => {
    const env = {
      ...PLAIN_ENV,
      HOME: dir,
      XDG_STATE_HOME: join(dir, "state"),
      CLOUDFLARE_API_TOKEN: "x",
    };
    const { code } = await cli(["--config", sandbox.description.configPath, "--json"], { env });
    expect(code).toBe(23);
  });
});
