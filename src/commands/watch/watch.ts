/**
 * Watches until it is ended: what is in force and where, whether native is worse than proxy, what to
 * do. On a terminal one view, redrawn in place; without one a line per change. Reads only, and keeps
 * within a fifth of the API's request budget. An upstream that fails shows in the view.
 */

import * as z from "zod";
import { anySignal } from "../../domain/lib/abort.ts";
import { MAX_TIMER_MS } from "../../domain/lib/duration.ts";
import { clockTime } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { count, durationMs, flag, parsed } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import type { Fact } from "./changes.ts";
import { factsOf, newFacts } from "./changes.ts";
import type { WatchModel } from "./model.ts";
import { emptyModel } from "./model.ts";
import { poll } from "./polls.ts";
import { viewLines } from "./view.ts";

/** Quicker, and the budget would be spent before its five minutes are over. */
const QUICKEST_S = 10;
/** Ages in the view count on. */
const REDRAW_MS = 1_000;

const input = z.object({
  interval: flag(
    "--interval <seconds>",
    `between checks of state and metrics, ${QUICKEST_S} to 300 (${QUICKEST_S})`,
    count(QUICKEST_S, 300, "seconds")
      .default(QUICKEST_S)
      .transform((seconds) => seconds * 1_000),
  ),
  for: flag(
    "--for <duration>",
    "stop after this time, exit 0: 30s, 10m, 2h",
    parsed(secondsOrDuration, "must be a duration like 30s, 10m or 2h").optional(),
  ),
});

export interface WatchData {
  watched_ms: number;
  /** Lines or documents told; 0 on a terminal. */
  changes: number;
}

export const watch: ReadingVerb<typeof input, WatchData> = {
  name: "watch",
  summary: "Watch live: state, health, locations, journal",
  details:
    "Checks /qa every 2 s, state and metrics every 10 s, journal and locations every 50 s, " +
    "using a fifth of the API's rate limit. Changes nothing. Ctrl-C to stop (exit 130).",
  examples: ["pixcanary watch --env production", "pixcanary watch --for 10m --json"],
  moreHelp: [
    "Without a terminal: a line per change, which begins with ✔ ✖ ! ? or a space.",
    "With --json: a document per change and line, then one that says how it ended:",
    '  {"schema":1,"at":"2025-11-15T10:31:02Z","kind":"live",',
    '   "about":"https://…/qa","mark":"!","text":"FRA emergency"}',
    "  kind: state, live, health, finding, share, location, journal, data",
  ].join("\n"),
  streams: true,
  timeoutMs: MAX_TIMER_MS,
  input,
  run: (given, ports) => run(given, ports),
  render: () => "",
};

/** In milliseconds; a number without a unit is of seconds. */
function secondsOrDuration(text: string): number | null {
  return durationMs(/\d$/.test(text) ? `${text}s` : text);
}

async function run(given: Given<typeof input>, ports: Ports): Promise<Outcome<WatchData>> {
  const startedMs = ports.clock.monotonic();
  const limitMs = Math.min(given.for ?? MAX_TIMER_MS, given.timeoutMs);
  const signal = anySignal([ports.clock.timeout(limitMs), ports.interrupt]);
  const model = emptyModel(ports.qa.urls);
  const told = { changes: 0 };
  const tell = ports.screen.inPlace ? () => redraw(model, ports) : teller(model, ports, told);
  try {
    tell();
    const polling = poll({ ports, model, signal, intervalMs: given.interval, changed: tell });
    await Promise.all([polling, ports.screen.inPlace ? keepDrawing(ports, signal, tell) : null]);
  } finally {
    ports.screen.close();
  }
  const data = { watched_ms: Math.round(ports.clock.monotonic() - startedMs), ...told };
  return endOf(data, ports);
}

function endOf(data: WatchData, ports: Ports): Outcome<WatchData> {
  const next = invocation(ports.target, "status");
  const interrupted = interruptedBy(ports.interrupt);
  if (interrupted === null) return { kind: "done", changed: false, data, next };
  const truth = "nothing was changed";
  return { kind: "interrupted", signal: interrupted, truth, next, data };
}

function redraw(model: WatchModel, { screen, target, clock }: Ports): void {
  const { columns, rows } = screen;
  const lines = viewLines(model, { target, nowMs: clock.now(), columns, rows });
  screen.show(lines.join("\n"));
}

async function keepDrawing({ clock }: Ports, signal: AbortSignal, draw: () => void): Promise<void> {
  while (!signal.aborted) {
    draw();
    await clock.sleep(REDRAW_MS, signal).catch(() => undefined);
  }
}

function teller(model: WatchModel, { screen, target, clock }: Ports, told: { changes: number }) {
  const states = new Map<string, string>();
  return (): void => {
    const nowMs = clock.now();
    for (const fact of newFacts(states, factsOf(model, target, nowMs))) {
      told.changes += 1;
      if (screen.json) screen.document(documentOf(fact, nowMs));
      else screen.line(lineOf(fact, nowMs));
    }
  };
}

function documentOf({ kind, about, mark, text }: Fact, nowMs: number): object {
  return { schema: 1, at: new Date(nowMs).toISOString(), kind, about, mark, text };
}

function lineOf({ kind, mark, text }: Fact, nowMs: number): string {
  return `${mark} ${clockTime(nowMs)}  ${kind.padEnd(8)}  ${text}`;
}
