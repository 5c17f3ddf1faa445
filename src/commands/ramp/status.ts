/** Where the ramp stands: by this machine's file, or as KV shows it. Reads only. */

import * as z from "zod";
import { anySignal } from "../../domain/lib/abort.ts";
import { MAX_TIMER_MS } from "../../domain/lib/duration.ts";
import { isOver } from "../../domain/ramp/document.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome, ReadingVerb } from "../command.ts";
import { durationMs, flag, parsed } from "../flag.ts";
import { age, invocation } from "../lib/format.ts";
import { ownerLines } from "../lib/owner.ts";
import { isLeft } from "../lib/ramp-death.ts";
import { READ_LIMIT_MS } from "../lib/stored-state.ts";
import { silenceOf, stateText } from "./life.ts";
import type { RampStatusData } from "./status-data.ts";
import { statusDataOf } from "./status-data.ts";
import { findRamp, type KnownRamp } from "./store.ts";
import { rampLines } from "./text.ts";
import { endedAs, untilOver } from "./wait.ts";

const input = z.object({
  wait: flag(
    "--wait <duration>",
    "wait for its end, at most so long (30s, 10m, 2h); exit code as it ended",
    parsed(durationMs, "must be a duration like 30s, 10m or 2h").optional(),
  ),
});

const PLAIN_MS = 20_000;

export const rampStatus: ReadingVerb<typeof input, RampStatusData> = {
  name: "ramp status",
  summary: "Show the ramp's step, gate and what comes next",
  details:
    "Works for a ramp on this machine, on another one, or in the Worker's cron. Changes nothing.",
  examples: [
    "pixcanary ramp status --env production",
    "pixcanary ramp status --env production --json",
    "pixcanary ramp status --env production --wait 2h",
  ],
  moreHelp: [
    "With --json, state is running, paused, done, aborted, failed, conflict, or silent (no sign of " +
      "life from who runs it); ramp.state is what was written last.",
    "Exits 20 when the gate had failed, 25 when the ramp was aborted or another change ended it.",
    "--wait exits 0 when the ramp is done (or there is none), 20 when its gate failed or paused it, " +
      "25 when it was aborted or another change ended it, 124 when it has not ended in that time.",
  ].join("\n"),
  timeoutMs: PLAIN_MS,
  timeoutFor: ({ wait }) => Math.min(wait ?? PLAIN_MS, MAX_TIMER_MS),
  input,
  run: (given, ports) => (given.wait === undefined ? look(ports) : untilOver(given, ports)),
  render,
};

async function look(ports: Ports): Promise<Outcome<RampStatusData>> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const { known, warnings } = await findRamp(ports, signal);
  for (const warning of warnings) ports.progress.warn(warning);
  const data = statusDataOf(known, ports);
  if (known === null) return { kind: "done", changed: false, data };
  if (isOver(known.ramp)) return endedAs(known, ports);
  const next = invocation(ports.target, nextFor(known, data.at_ms));
  return { kind: "done", changed: false, data, next };
}

function nextFor(known: KnownRamp, nowMs: number): string {
  const { ramp } = known;
  const silent = silenceOf(known, nowMs) !== null;
  // Nobody takes over from the cron.
  if (silent && ramp.mode === "detached") return "ramp abort";
  return silent || ramp.paused !== null ? "ramp resume" : "ramp pause";
}

function render(outcome: Outcome<RampStatusData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const lines = linesOf(data);
  return [...lines, ...ownerLines(data)].map(escapeForTerminal).join("\n");
}

function linesOf(data: RampStatusData): string[] {
  const { ramp, from, env, at_ms: nowMs } = data;
  if (ramp === null || from === null) return [`  no ramp in ${env}`];
  const known = { ...data, ramp, from };
  const silent = silenceOf(known, nowMs) !== null;
  const state = stateText(known, nowMs);
  const lines = rampLines(ramp, nowMs, env, { state, silent, lease: !silent });
  return isOver(ramp) ? lines : [...lines, `  seen      ${lifeText(known, nowMs)}`];
}

function lifeText({ ramp, from, alive }: Omit<KnownRamp, "kept">, nowMs: number): string {
  const last = `last update ${age(nowMs - Date.parse(ramp.updated_at))}`;
  if (ramp.mode === "detached") return `in the Worker's cron, ${last}`;
  if (isLeft(ramp)) return `its process ended when its gate paused it, ${last}`;
  if (from === "kv") return `on ${ramp.host}, ${last}`;
  return alive ? "running on this machine" : `on this machine, ${last}`;
}
