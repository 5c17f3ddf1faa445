/** Groups the errors of log files, here or in R2, and says what the lines tell of their causes. */

import * as z from "zod";
import { anySignal } from "../../domain/lib/abort.ts";
import { LogAnalysis } from "../../domain/logs/analysis.ts";
import { type LogWindow, withoutSlash } from "../../domain/logs/batch-name.ts";
import { doubtsOf } from "../../domain/logs/doubt.ts";
import type { LogFilter } from "../../domain/logs/filter.ts";
import { LEVEL_NAMES, type Level, levelOfWord } from "../../domain/logs/level.ts";
import { changesOf, type StateChange } from "../../domain/logs/timeline.ts";
import { counted } from "../../domain/text/format.ts";
import { LocalError } from "../../ports/errors.ts";
import type { LogReading, LogSource } from "../../ports/logs.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Given, interruptedBy, type Outcome, type ReadingVerb } from "../command.ts";
import { cohortInput, count, flag, parsed, textUpTo } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import { READ_LIMIT_MS } from "../lib/stored-state.ts";
import {
  bytesText,
  TIME_HELP,
  type TimePoint,
  timePoint,
  windowOf,
  windowText,
} from "../lib/time-window.ts";
import { asUpstream } from "../lib/write-result.ts";
import { errorsText, type LogsErrorsData } from "./errors-text.ts";

const TIMEOUT_MS = 10 * 60_000;
/** More changes than the analysis tells apart are not asked for. */
const JOURNAL_ENTRIES = 20;
const DEFAULT_TOP = 20;
const MAX_MIB = 1_048_576;

const word = textUpTo(200);
const paths = z.array(textUpTo(4_096)).max(100_000, "must be at most 100,000");

const input = z.object({
  paths: flag("[paths...]", "files, folders, or - (default: from R2)", paths.default([])),
  since: flag("--since <time>", `events from this time on: ${TIME_HELP}`, timePoint.optional()),
  until: flag("--until <time>", "events before then", timePoint.optional()),
  prefix: flag(
    "--prefix <prefix>",
    "R2 prefix, instead of the environment's logsPrefix",
    textUpTo(1_024, 0).optional(),
  ),
  level: flag(
    "--level <levels>",
    "levels to group, e.g. WARN,ERROR (ERROR)",
    parsed(levelsOf, `must be one or more of ${LEVEL_NAMES.join(", ")}`).default(["ERROR"]),
  ),
  route: flag("--route <route>", "only this route, e.g. /api/jobs/:id", word.optional()),
  cohort: flag("--cohort <cohort>", "only native, or only proxy", cohortInput.optional()),
  grep: flag(
    "--grep <pattern>",
    "only errors whose text or stack matches",
    word.pipe(parsed(patternOf, "must be a regular expression")).optional(),
  ),
  top: flag(
    "--top <n>",
    `groups to print (${DEFAULT_TOP}); --json has all`,
    count(1, 100_000).default(DEFAULT_TOP),
  ),
  maxMib: flag(
    "--max-mib <n>",
    "read at most this much of one file, uncompressed (4096)",
    count(1, MAX_MIB).optional(),
  ),
});
type Input = Given<typeof input>;

function levelsOf(text: string): Level[] | null {
  const levels = text.split(",").map((word) => levelOfWord(word) ?? word);
  return levels.every((level) => LEVEL_NAMES.includes(level)) ? levels : null;
}

function patternOf(text: string): RegExp | null {
  try {
    return new RegExp(text, "i");
  } catch {
    return null;
  }
}

export const logsErrors: ReadingVerb<typeof input, LogsErrorsData> = {
  name: "logs errors",
  summary: "Group the errors of log files, with likely causes",
  details:
    "Reads trace events of Logpush and plain NDJSON, compressed or not, from files, folders, standard " +
    "input (-), or from R2 when no path is given (default: the last hour). " +
    "Groups errors by message, ignoring ids and numbers; rates are weighted by the sample rate " +
    "of successes; errors that are new since the last change in the journal are marked. Changes nothing; " +
    "exits 0 even if there are errors, and 20 if it cannot say: no file, no line of the requested time, a file that " +
    "could not be read to its end, or more than 1 % of the lines not understood. JSON may be one record per line, " +
    "indented, concatenated or a list, in UTF-8 or UTF-16. Files need no configuration and no token.",
  examples: [
    "pixcanary logs errors incident-logs/20260501T005001Z",
    "pixcanary logs errors --env production --since 30m --cohort native",
    "zcat old.log.gz | pixcanary logs errors - --json",
  ],
  needs: ({ paths }) => (paths.length > 0 ? "if-any" : "environment"),
  timeoutMs: TIMEOUT_MS,
  input,
  run: (given, ports) => analyse(given, ports),
  render: (outcome) => ("data" in outcome && outcome.data ? errorsText(outcome.data) : ""),
};

/** What is to be read, and which events of it. */
interface Wanted {
  sources: Iterable<LogSource> | AsyncIterable<LogSource>;
  /** In words, for a person. */
  place: string;
  window: Partial<LogWindow>;
  /** Where no log file was found although some were to be there, in words. */
  missing: string | null;
}

async function analyse(given: Input, ports: Ports): Promise<Outcome<LogsErrorsData>> {
  const deadline = ports.clock.timeout(given.timeoutMs);
  const signal = anySignal([deadline, ports.interrupt]);
  try {
    const wanted = await (given.paths.length > 0
      ? fromFiles(given, ports)
      : fromBucket(given, ports, signal));
    if (wanted === null) return usage("--since must be earlier than --until", ports);
    const changes = await changesKnown(ports, signal);
    const analysis = new LogAnalysis({ filter: filterOf(given, wanted.window), changes });
    ports.progress.note(`reading ${wanted.place}`);
    const reading = await ports.logs.reader.read(wanted.sources, analysis, {
      signal,
      maxExpandedBytes: given.maxMib === undefined ? undefined : given.maxMib * 1024 ** 2,
    });
    const data = dataOf({ given, wanted, changes, reading }, analysis);
    return ended(data, deadline, ports);
  } catch (error) {
    return failed(error, ports);
  }
}

async function fromFiles(given: Input, ports: Ports): Promise<Wanted | null> {
  const { sources, warnings, empty, window } = await ports.logs.reader.find(given.paths);
  for (const warning of warnings) ports.progress.warn(warning);
  const asked = boundsOf(given, ports.clock.now());
  if (asked.sinceMs !== undefined && asked.sinceMs >= (asked.untilMs ?? Infinity)) return null;
  const missing = empty.length === 0 ? null : `no file found below ${empty.join(", ")}`;
  const bytes = sources.reduce((sum, source) => sum + (source.bytes ?? 0), 0);
  const size = bytes > 0 ? ` (${bytesText(bytes)})` : "";
  const open = asked.sinceMs === undefined && asked.untilMs === undefined;
  const events = open && window !== null ? `, events from ${windowText(window)}` : "";
  return {
    sources,
    place: `${counted(sources.length, "file")}${size}${events}`,
    window: open && window !== null ? window : asked,
    missing,
  };
}

async function fromBucket(given: Input, ports: Ports, signal: AbortSignal): Promise<Wanted | null> {
  const { archive } = ports.logs;
  const window = windowOf(given, ports.clock.now());
  if (window === null) return null;
  const onRetry = (problem: string): void => ports.progress.warn(`${problem}; trying again`);
  const call = { signal, onRetry };
  const place = given.prefix === undefined ? {} : { prefix: given.prefix };
  const objects = archive.list(window, { ...call, ...place })[Symbol.asyncIterator]();
  // The first answer is waited for: a bucket that cannot be listed is a failure, not "no errors".
  const first = await objects.next();
  const bucket = archive.place === null ? "R2" : `R2 bucket ${archive.place.bucket}`;
  const below = `${withoutSlash(given.prefix ?? archive.place?.prefix ?? "")}/`;
  const nothing = `no file found below ${below} in ${bucket}, ${windowText(window)}`;
  const sources = async function* (): AsyncGenerator<LogSource> {
    for (let next = first; next.done !== true; next = await objects.next()) {
      const { key, size } = next.value;
      const open = async () => (await archive.read(key, call)).chunks;
      yield { name: key, bytes: size, open };
    }
  };
  return {
    sources: sources(),
    place: `${bucket}, events from ${windowText(window)}`,
    window,
    missing: first.done === true ? nothing : null,
  };
}

function boundsOf({ since, until }: Input, nowMs: number): Partial<LogWindow> {
  const at = (point: TimePoint): number => ("atMs" in point ? point.atMs : nowMs - point.agoMs);
  return {
    ...(since === undefined ? {} : { sinceMs: at(since) }),
    ...(until === undefined ? {} : { untilMs: at(until) }),
  };
}

function filterOf(given: Input, window: Partial<LogWindow>): LogFilter {
  return {
    levels: new Set(given.level),
    route: given.route ?? null,
    cohort: given.cohort ?? null,
    grep: given.grep ?? null,
    sinceMs: window.sinceMs ?? null,
    untilMs: window.untilMs ?? null,
  };
}

/** The journal only adds marks: without it, the errors are told all the same. */
async function changesKnown(ports: Ports, signal: AbortSignal): Promise<StateChange[]> {
  const limit = anySignal([ports.clock.timeout(READ_LIMIT_MS), signal]);
  const { entries, warnings } = await ports.journal.recent(JOURNAL_ENTRIES, { signal: limit });
  for (const warning of warnings) ports.progress.warn(warning);
  return changesOf(entries);
}

interface Answer {
  given: Input;
  wanted: Wanted;
  changes: readonly StateChange[];
  reading: LogReading;
}

function dataOf(answer: Answer, analysis: LogAnalysis): LogsErrorsData {
  const { given, wanted, changes, reading } = answer;
  const iso = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  const report = analysis.report();
  const doubts = wanted.missing === null ? [] : [wanted.missing];
  if (reading.files > 0) doubts.push(...doubtsOf(report, reading));
  return {
    ...report,
    verdict: doubts.length > 0 ? "cannot_say" : report.matched > 0 ? "errors" : "none",
    doubts,
    levels: given.level,
    window: { since: iso(wanted.window.sinceMs), until: iso(wanted.window.untilMs) },
    changes_known: changes.map(({ atMs, command, revision }) => ({
      at: new Date(atMs).toISOString(),
      command,
      revision,
    })),
    reading,
    top: given.top,
  };
}

/** What was found is told in any case; whether that is all is said by the outcome. */
function ended(data: LogsErrorsData, deadline: AbortSignal, ports: Ports): Outcome<LogsErrorsData> {
  const { files } = data.reading;
  const truth = `read ${counted(data.lines, "line")} of ${counted(files, "file")}`;
  const signal = interruptedBy(ports.interrupt);
  if (signal !== null) return { kind: "interrupted", signal, truth, next: "", data };
  if (deadline.aborted) {
    const message = "time limit reached before everything was read (--timeout)";
    return { kind: "failed", code: "deadline", message, truth, next: "", data };
  }
  if (data.doubts.length === 0) return { kind: "done", changed: false, data };
  const what = data.matched > 0 ? "that these are all errors" : "that there are no errors";
  const reason = `cannot say ${what}: ${data.doubts.join("; ")}`;
  return { kind: "unhealthy", data, reason, next: nextAfter(data, ports) };
}

/** The files are what they are: what happens now can be seen, and other files be fetched. */
function nextAfter({ reading }: LogsErrorsData, ports: Ports): string {
  if (ports.logs.archive.place === null) return "";
  return invocation(
    ports.target,
    reading.files === 0 ? "logs pull --all" : "logs tail --level ERROR",
  );
}

function usage(message: string, ports: Ports): Outcome<LogsErrorsData> {
  const next = ports.target.env === "" ? "pixcanary logs errors --help" : "";
  return { kind: "failed", code: "usage", message, truth: "nothing was read", next };
}

function failed(error: unknown, ports: Ports): Outcome<LogsErrorsData> {
  const truth = "nothing was read";
  const signal = interruptedBy(ports.interrupt);
  if (signal !== null) return { kind: "interrupted", signal, truth, next: "" };
  if (error instanceof LocalError) return usage(error.message, ports);
  if (error instanceof DOMException && error.name === "TimeoutError") {
    const message = "time limit reached (--timeout)";
    return { kind: "failed", code: "deadline", message, truth, next: "" };
  }
  const failure = asUpstream(error);
  const auth = failure.kind === "auth" || failure.kind === "forbidden";
  const unset = ports.logs.archive.place === null;
  const next = invocation(ports.target, auth || unset ? "doctor" : "logs pull");
  const upstream = failure.kind === "deadline" ? "deadline" : "upstream";
  const code = unset ? "usage" : auth ? "auth" : upstream;
  return { kind: "failed", code, message: failure.message, truth, next };
}
