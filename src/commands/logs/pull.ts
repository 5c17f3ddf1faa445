/** Downloads the log files of a time window from R2 into a folder, checked, with a manifest. */

import * as z from "zod";
import { anySignal } from "../../domain/lib/abort.ts";
import type { LogWindow } from "../../domain/logs/batch-name.ts";
import { AFTER_MS, BEFORE_MS, stamp, withoutSlash } from "../../domain/logs/batch-name.ts";
import { counted, countText } from "../../domain/text/format.ts";
import type { CallOptions } from "../../ports/api.ts";
import { LocalError } from "../../ports/errors.ts";
import type { LogObject } from "../../ports/logs.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { flag, onOff, parsed, textUpTo } from "../flag.ts";
import { invocation, shellWord } from "../lib/format.ts";
import { bytesText, TIME_HELP, timePoint, windowOf } from "../lib/time-window.ts";
import { asUpstream } from "../lib/write-result.ts";
import type { LogsPullData } from "./pull-data.ts";
import { type PullResult, pullFiles } from "./pull-files.ts";
import { manifestFor, windowField } from "./pull-manifest.ts";
import { nothingFound, pullText } from "./pull-text.ts";

const MAX_FILES = 100_000;
/** See src/adapters/logs/pace.ts. */
const MANY_FILES = 300;
const TIMEOUT_MS = 30 * 60_000;

const input = z.object({
  since: flag(
    "--since <time>",
    `events from this time on: ${TIME_HELP} (default: 1h)`,
    timePoint.optional(),
  ),
  until: flag("--until <time>", "events before then (default: now)", timePoint.optional()),
  prefix: flag(
    "--prefix <prefix>",
    "R2 prefix, instead of the environment's logsPrefix",
    textUpTo(1_024, 0).optional(),
  ),
  all: onOff("--all", "everything below the prefix, whatever its name and time"),
  out: flag(
    "--out <dir>",
    "folder (default: incident-logs/<UTC>); resumes there",
    textUpTo(1_000).optional(),
  ),
  maxBytes: flag(
    "--max-bytes <size>",
    "refuse to download more in total (default: 10GiB)",
    parsed(bytesOf, "must be a size, e.g. 500MiB or 10GiB").default(10 * 1024 ** 3),
  ),
});
type Input = Given<typeof input>;

export const logsPull: ReadingVerb<typeof input, LogsPullData> = {
  name: "logs pull",
  summary: "Download the log files of a time window from R2",
  details:
    "Downloads the log files that may hold events of the time window (default: the last " +
    "hour), checks sizes and etags, and writes a manifest with hashes. Batches arrive minutes " +
    `late and out of order: files from ${BEFORE_MS / 60_000} min before to ${AFTER_MS / 60_000} min after the window are fetched, too, and the ` +
    "manifest keeps the window, by which `logs errors` reads the events. Finds them flat or in folders by date (YYYYMMDD, YYYY-MM-DD, " +
    "date=…, YYYY/MM/DD, with or without hours); exits 20 if there is no file. Run it again with --out to resume.",
  examples: [
    "pixcanary logs pull --env production",
    "pixcanary logs pull --env production --since 2h --out incident-42",
    "pixcanary logs pull --since 2026-05-01T00:30:00Z --until 2026-05-01T01:00:00Z",
  ],
  anyHost: true,
  timeoutMs: TIMEOUT_MS,
  input,
  run: (given, ports) => pull(given, ports),
  render: pullText,
};

/** What was asked for, settled. */
interface Wanted {
  window: LogWindow | null;
  prefix: string;
  /** Where the files go, as given or made up. */
  out: string;
  named: boolean;
  maxBytes: number;
}

async function pull(given: Input, ports: Ports): Promise<Outcome<LogsPullData>> {
  const wanted = wantedOf(given, ports);
  if ("problem" in wanted) return usage(wanted.problem, ports);
  const signal = anySignal([ports.clock.timeout(given.timeoutMs), ports.interrupt]);
  const call: CallOptions = {
    signal,
    onRetry: (problem) => ports.progress.warn(`${problem}; trying again`),
  };
  try {
    const objects = await listAll(wanted, ports, call);
    if (objects === null)
      return usage(`more than ${countText(MAX_FILES)} files; narrow the window`, ports);
    if (objects.length === 0) return empty(wanted, ports);
    return await fetchAll(objects, wanted, ports, call);
  } catch (error) {
    return stopped(error, { wanted, ports, data: null });
  }
}

function wantedOf(given: Input, ports: Ports): Wanted | { problem: string } {
  const nowMs = ports.clock.now();
  if (given.all && (given.since !== undefined || given.until !== undefined)) {
    return { problem: "--all takes no --since and no --until" };
  }
  const window = given.all ? null : windowOf(given, nowMs);
  if (window === null && !given.all) return { problem: "--since must be earlier than --until" };
  return {
    window,
    prefix: withoutSlash(given.prefix ?? ports.logs.archive.place?.prefix ?? ""),
    out: given.out ?? `incident-logs/${stamp(nowMs)}Z`,
    named: given.out !== undefined,
    maxBytes: given.maxBytes,
  };
}

/** Null when there are too many to be meant. */
async function listAll(
  { window, prefix }: Wanted,
  { logs, progress }: Ports,
  call: CallOptions,
): Promise<LogObject[] | null> {
  const objects: LogObject[] = [];
  for await (const object of logs.archive.list(window, { ...call, prefix })) {
    objects.push(object);
    if (objects.length > MAX_FILES) return null;
    if (objects.length % 100 === 0)
      progress.update(`  listing: ${counted(objects.length, "file")}`);
  }
  progress.update("");
  return objects;
}

async function fetchAll(
  objects: readonly LogObject[],
  wanted: Wanted,
  ports: Ports,
  call: CallOptions,
): Promise<Outcome<LogsPullData>> {
  const bytes = objects.reduce((sum, { size }) => sum + size, 0);
  const what = `${counted(objects.length, "file")}, ${bytesText(bytes)}`;
  if (bytes > wanted.maxBytes) {
    return usage(`${what}: more than --max-bytes ${bytesText(wanted.maxBytes)}`, ports);
  }
  const folder = await ports.logs.folders.open(wanted.out, wanted);
  const manifest = await manifestFor(folder, wanted, ports);
  if (manifest === null) {
    return usage(
      `${wanted.out} holds logs of another bucket or prefix: choose another --out`,
      ports,
    );
  }
  ports.progress.note(`${what} → ${wanted.out}`);
  if (objects.length > MANY_FILES) {
    ports.progress.note("after 300 files, the API's rate limit allows about 140 a minute");
  }
  const result = await pullFiles(objects, folder, manifest, ports, call);
  const data = dataOf(objects.length, result, wanted, ports);
  if (result.stopped !== null) return stopped(result.stopped, { wanted, ports, data });
  return result.problems.length === 0 ? complete(data, wanted, ports) : broken(data, wanted, ports);
}

function dataOf(
  files: number,
  { fetched, there, bytes, problems }: PullResult,
  wanted: Wanted,
  ports: Ports,
): LogsPullData {
  return { ...noData(wanted, ports), folder: wanted.out, files, fetched, there, bytes, problems };
}

function noData({ window, prefix }: Wanted, ports: Ports): LogsPullData {
  return {
    folder: null,
    bucket: ports.logs.archive.place?.bucket ?? "",
    prefix,
    window: windowField(window),
    files: 0,
    fetched: 0,
    there: 0,
    bytes: 0,
    problems: [],
  };
}

function complete(data: LogsPullData, { out }: Wanted, ports: Ports): Outcome<LogsPullData> {
  const next = invocation(ports.target, `logs errors ${shellWord(out)}`);
  return { kind: "done", changed: true, data, next };
}

/** Nothing to look at is not good news. */
function empty(wanted: Wanted, ports: Ports): Outcome<LogsPullData> {
  const data = noData(wanted, ports);
  const reason = `cannot say anything about that time: ${nothingFound(data)}`;
  const wider = wanted.window === null ? "doctor" : "logs pull --since 1d";
  return { kind: "unhealthy", data, reason, next: invocation(ports.target, wider) };
}

function broken(data: LogsPullData, wanted: Wanted, ports: Ports): Outcome<LogsPullData> {
  return {
    kind: "failed",
    code: "upstream",
    message: `download failed for ${countText(data.problems.length)} of ${counted(data.files, "file")}`,
    truth: `${counted(data.fetched + data.there, "file is", "files are")} complete in ${wanted.out}; the manifest names them`,
    next: resume(wanted, ports),
    data,
  };
}

function usage(message: string, ports: Ports): Outcome<LogsPullData> {
  const next = invocation(ports.target, "logs pull --help");
  return { kind: "failed", code: "usage", message, truth: "nothing was downloaded", next };
}

interface Stopped {
  wanted: Wanted;
  ports: Ports;
  /** Null before the first file. */
  data: LogsPullData | null;
}

/** Ended early: what is complete stays, and the same command goes on from there. */
function stopped(error: unknown, { wanted, ports, data }: Stopped): Outcome<LogsPullData> {
  const done = data === null ? 0 : data.fetched + data.there;
  const truth =
    data === null
      ? "nothing was downloaded"
      : `${countText(done)} of ${counted(data.files, "file")} complete in ${wanted.out}`;
  const common = { truth, next: resume(wanted, ports), ...(data === null ? {} : { data }) };
  const signal = interruptedBy(ports.interrupt);
  if (signal !== null) return { kind: "interrupted", signal, ...common };
  if (error instanceof DOMException && error.name === "TimeoutError") {
    const message = "time limit reached (--timeout)";
    return { kind: "failed", code: "deadline", message, ...common };
  }
  if (error instanceof LocalError) {
    return { kind: "failed", code: "usage", message: error.message, ...common };
  }
  const failure = asUpstream(error);
  const auth = failure.kind === "auth" || failure.kind === "forbidden";
  // Without a bucket in the configuration the same words would fail the same way.
  const unset = ports.logs.archive.place === null;
  const next = auth || unset ? invocation(ports.target, "doctor") : common.next;
  const code = unset ? "usage" : auth ? "auth" : "upstream";
  return { kind: "failed", code, message: failure.message, ...common, next };
}

/** The same files again, whatever the time is by then. */
function resume({ window, prefix, out }: Wanted, ports: Ports): string {
  const time =
    window === null
      ? ["--all"]
      : [
          "--since",
          new Date(window.sinceMs).toISOString(),
          "--until",
          new Date(window.untilMs).toISOString(),
        ];
  const place = prefix === ports.logs.archive.place?.prefix ? [] : ["--prefix", shellWord(prefix)];
  const words = ["logs pull", ...time, ...place, "--out", shellWord(out)];
  return invocation(ports.target, words.join(" "));
}

const UNITS: Readonly<Record<string, number>> = { K: 1, M: 2, G: 3, T: 4 };

/** "500MiB", "10GiB", "1073741824"; null for anything else. */
function bytesOf(text: string): number | null {
  const match = /^(\d{1,15})\s*(?:([KMGT])i?B?|B)?$/i.exec(text.trim());
  if (match === null) return null;
  return Number(match[1]) * 1024 ** (UNITS[(match[2] ?? "").toUpperCase()] ?? 0);
}
