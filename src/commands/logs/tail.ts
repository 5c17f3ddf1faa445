/** The Worker's log lines as they are written, through the live tail. */

import * as z from "zod";
import { anySignal } from "../../domain/lib/abort.ts";
import {
  isWanted,
  LEVELS,
  type LineFilter,
  type TailLine,
  tailLines,
} from "../../domain/logs/tail-lines.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { clockTime, counted } from "../../domain/text/format.ts";
import type { TailNotice } from "../../ports/logs.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { cohortInput, durationMs, flag, oneOf, parsed, textUpTo } from "../flag.ts";
import { invocation, seconds } from "../lib/format.ts";
import { asUpstream } from "../lib/write-result.ts";

const DAY_MS = 86_400_000;

const statuses = z
  .string()
  .transform((text) => text.split(",").map((part) => part.trim()))
  .pipe(z.array(z.string().regex(/^(?:[1-5]xx|[1-5]\d\d)$/i, "must be like 503, 5xx or 4xx,5xx")));

const input = z.object({
  level: flag(
    "--level <level>",
    "INFO, WARN or ERROR and above (default: INFO)",
    z
      .string()
      .default("INFO")
      .transform((text) => text.toUpperCase())
      .pipe(oneOf(LEVELS)),
  ),
  route: flag("--route <text>", "only routes that contain this text", textUpTo(500).optional()),
  cohort: flag("--cohort <cohort>", "native or proxy", cohortInput.optional()),
  grep: flag(
    "--grep <text>",
    "only lines whose route or message contains this text (case-insensitive)",
    textUpTo(500).optional(),
  ),
  status: flag("--status <codes>", "503, 5xx or 4xx,5xx", statuses.optional()),
  for: flag(
    "--for <time>",
    "end after 30s, 10m, 2h (default: at Ctrl-C)",
    parsed(durationMs, "must be a time like 30s, 10m or 2h").optional(),
  ),
});
type Input = Given<typeof input>;

export interface LogsTailData {
  events: number;
  /** Of those lines that the filters let pass. */
  lines: number;
  /** How often the tail said that it left events out. */
  dropped_notices: number;
  reconnects: number;
  /** For how long there was no connection, in all. */
  lost_ms: number;
}

export const logsTail: ReadingVerb<typeof input, LogsTailData> = {
  name: "logs tail",
  summary: "Follow the Worker's log lines live",
  details:
    "Opens a live tail of the Worker and shows its lines as they arrive: all errors, and the fraction of " +
    "successes that the Worker logs. Reconnects, and says when lines were dropped and for how long there " +
    "was no connection. Runs until Ctrl-C, or for --for. Cloudflare allows 10 clients per Worker, and " +
    "samples when there is much traffic: for numbers, use `status` or `logs errors`.",
  examples: [
    "pixcanary logs tail --env production --level WARN",
    "pixcanary logs tail --env production --cohort native --status 5xx --for 10m",
    "pixcanary logs tail --env production --json | jq .message",
  ],
  moreHelp:
    'With --json each line is a document: {"type": "line" | "open" | "lost" | "dropped" | "resumed", …}; the last one, ' +
    "without a type, says how it ended.",
  anyHost: true,
  streams: true,
  timeoutMs: DAY_MS,
  input,
  run: (given, ports) => follow(given, ports),
  render,
};

async function follow(given: Input, ports: Ports): Promise<Outcome<LogsTailData>> {
  const { clock, interrupt, logs } = ports;
  const budget = clock.timeout(Math.min(given.for ?? DAY_MS, given.timeoutMs));
  const signal = anySignal([budget, interrupt]);
  const view = new View(filterOf(given), ports);
  try {
    for await (const notice of logs.tail.follow({ signal })) view.take(notice);
  } catch (error) {
    if (!signal.aborted) return failed(error, view.data, ports);
  }
  const stop = interruptedBy(interrupt);
  const { data } = view;
  if (stop !== null) {
    return { kind: "interrupted", signal: stop, truth: "nothing was changed", next: "", data };
  }
  const forAsLong = given.for !== undefined && given.for <= given.timeoutMs;
  if (forAsLong) return { kind: "done", changed: false, data };
  return {
    kind: "failed",
    code: "deadline",
    message: "time limit reached (--timeout)",
    truth: "nothing was changed",
    next: invocation(ports.target, "logs tail"),
    data,
  };
}

function filterOf({ level, route, cohort, grep, status }: Input): LineFilter {
  return {
    level,
    route: route ?? null,
    cohort: cohort ?? null,
    grep: grep ?? null,
    statuses: status ?? [],
  };
}

function failed(error: unknown, data: LogsTailData, ports: Ports): Outcome<LogsTailData> {
  const failure = asUpstream(error);
  const auth = failure.kind === "auth" || failure.kind === "forbidden";
  return {
    kind: "failed",
    code: auth ? "auth" : "upstream",
    message: failure.message,
    truth: "nothing was changed; the missed lines arrive through Logpush, minutes late",
    next: invocation(ports.target, auth ? "doctor" : "logs pull"),
    data,
  };
}

class View {
  readonly data: LogsTailData = {
    events: 0,
    lines: 0,
    dropped_notices: 0,
    reconnects: 0,
    lost_ms: 0,
  };
  readonly #filter: LineFilter;
  readonly #ports: Ports;

  constructor(filter: LineFilter, ports: Ports) {
    this.#filter = filter;
    this.#ports = ports;
  }

  take(notice: TailNotice): void {
    switch (notice.kind) {
      case "event":
        this.data.events += 1;
        for (const line of tailLines(notice.event)) this.#show(line);
        return;
      case "open":
        this.#opened(notice.gapMs);
        return;
      case "dropped":
        this.data.dropped_notices += 1;
        this.#say(`! lines are being dropped: ${notice.message}`, notice);
        return;
      case "resumed":
        this.#say(`  no longer dropping lines: ${notice.message}`, notice);
        return;
      case "lost":
        this.#say(`! ${notice.why}: reconnecting`, notice);
        return;
      default:
        notice satisfies never;
    }
  }

  #opened(gapMs: number | null): void {
    const notice = { kind: "open", gap_ms: gapMs };
    if (gapMs === null) {
      this.#say(`→ following ${this.#ports.target.worker}; Ctrl-C to stop`, notice);
      return;
    }
    this.data.reconnects += 1;
    this.data.lost_ms += Math.round(gapMs);
    this.#say(`! reconnected: ${seconds(gapMs)} of lines are missing`, notice);
  }

  #show(line: TailLine): void {
    if (!isWanted(line, this.#filter)) return;
    this.data.lines += 1;
    const { screen } = this.#ports;
    if (screen.json) screen.document(documentOf(line));
    else screen.line(lineText(line));
  }

  /** About the tail itself: to stderr, so that stdout holds lines alone; to programs as a document. */
  #say(text: string, { kind, ...fields }: { kind: string }): void {
    const { screen, progress } = this.#ports;
    if (screen.json) screen.document({ type: kind, ...fields });
    else progress.note(text);
  }
}

const SYMBOLS = { ERROR: "✖", WARN: "!", INFO: "·" } as const;

const NO_TIME = "--:--:--Z";

/** Colour follows the first character. */
function lineText(line: TailLine): string {
  const time = line.atMs === null ? NO_TIME : timeText(line.atMs);
  const place = [line.cohort, line.phase, line.method, line.route, line.status];
  const took = line.durationMs === null ? null : `${Math.round(line.durationMs)} ms`;
  const words = [...place, took, line.colo].filter((word) => word !== null).join(" ");
  const message = line.message === null ? "" : `  ${line.message}`;
  const text = `${time} ${line.level.padEnd(5)} ${words}${message}`;
  return `${SYMBOLS[line.level]} ${escapeForTerminal(text)}`;
}

function timeText(ms: number): string {
  return inRange(ms) ? clockTime(ms) : NO_TIME;
}

/** What a Date can hold. */
function inRange(ms: number): boolean {
  return Math.abs(ms) <= 8.64e15;
}

function documentOf({ atMs, durationMs, ...line }: TailLine): object {
  const timestamp = atMs !== null && inRange(atMs) ? new Date(atMs).toISOString() : null;
  return { type: "line", timestamp, ...line, duration_ms: durationMs };
}

function render(outcome: Outcome<LogsTailData>): string {
  const data = "data" in outcome ? outcome.data : undefined;
  if (data === undefined) return "";
  const { events, lines, dropped_notices, reconnects, lost_ms } = data;
  const left = dropped_notices === 0 ? "" : ` · lines dropped ${counted(dropped_notices, "time")}`;
  const lost =
    reconnects === 0 ? "" : ` · reconnected ${reconnects} ×, ${seconds(lost_ms)} missing`;
  return `  ${counted(lines, "line")} of ${counted(events, "event")}${left}${lost}`;
}
