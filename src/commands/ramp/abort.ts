/** Ends a ramp and goes back to the share before it. Relief: never asks, and needs nobody to be alive. */

import * as z from "zod";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { isOver } from "../../domain/ramp/document.ts";
import { shareOf } from "../../domain/ramp/text.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import { isEmergency } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, Given, Outcome } from "../command.ts";
import { onOff } from "../flag.ts";
import { invocation, share } from "../lib/format.ts";
import { proveStored } from "../lib/prove-stored.ts";
import type { Base } from "../lib/stored-state.ts";
import { readBase, unreachable } from "../lib/stored-state.ts";
import type { ReliefData } from "../lower/apply.ts";
import { applyRelief, shareLines } from "../lower/apply.ts";
import { newControl, runningRamp, send } from "./control.ts";
import { dropLease, problemOf } from "./execute.ts";
import { renderRamp } from "./render.ts";
import type { RampData } from "./run-state.ts";
import { type KnownRamp, keep, showInKv } from "./store.ts";

const input = z.object({
  keep: onOff("--keep", "keep the current share"),
});

export interface AbortData extends RampData {
  /** Null when the share stayed as it was. */
  lowered: ReliefData | null;
  note: string | null;
}

export const rampAbort: ChangingVerb<typeof input, KnownRamp, AbortData> = {
  name: "ramp abort",
  summary: "End the ramp, back to the share before it",
  details:
    "Ends the ramp at its next check. The share goes back now to what it was " +
    "before the ramp, unless --keep. Also works if the ramp's process has died. Never asks.",
  examples: [
    'pixcanary ramp abort --env production --reason "support tickets"',
    "pixcanary ramp abort --env production --keep",
  ],
  relief: true,
  timeoutMs: 90_000,
  input,
  async plan(given, ports) {
    const found = await runningRamp(ports);
    if ("ended" in found) return found.ended as never;
    const { ramp } = found.known;
    const after = given.keep ? shareOf(ramp) : `${ramp.base.percent} %`;
    const changes = [
      { what: "ramp", before: ramp.state, after: "aborted" },
      { what: "share of new visitors", before: shareOf(ramp), after },
    ];
    return { kind: "plan", risk: "relief", changes, notes: [], steps: found.known };
  },
  apply: abort,
  render,
};

async function abort(
  known: KnownRamp,
  given: Given<typeof input>,
  ports: Ports,
): Promise<Outcome<AbortData>> {
  const { ramp } = known;
  const control = newControl("abort", ramp, given, ports);
  const told = await send(given.keep ? { ...control, keep: true } : control, ports);
  const leased = given.keep ? await releaseLease(ramp, ports) : null;
  // A ramp that is over cannot be aborted again, as it then must be.
  if (leased === null) await endHere(known, given, ports);
  const data: AbortData = { ramp, at_ms: ports.clock.now(), lowered: null, note: null };
  if (told !== null)
    data.note = `abort could not be sent (${told.message}); the ramp will stop when it sees the changed config`;
  const base = await readBase(ports);
  if (!("state" in base)) return { ...unreachable(base, ports), data };
  if (leased !== null) return { ...leased, data };
  const stays = given.keep ? `stays at ${storedShare(base)}` : whyNotLower(base, ramp);
  if (stays !== null) {
    if (told !== null) return { ...unreachable(told, ports), data };
    const next = invocation(ports.target, "status");
    const headline = `aborted; share ${stays}`;
    const stored = await proveStored(base, given, ports, () => data);
    if (stored.kind === "done") return { ...stored, changed: true, headline, next };
    data.note = headline;
    return stored;
  }
  const reason = given.reason ?? "ramp aborted";
  const to = { percent: ramp.base.percent, emergency: false, tag: ramp.base.tag };
  const outcome = await applyRelief("reduce", { base, to }, { ...given, reason }, ports);
  return {
    ...outcome,
    data: { ...data, lowered: "data" in outcome ? (outcome.data ?? null) : null },
  } as Outcome<AbortData>;
}

/** A renewal of the ramp's own may come in between; and whether a lost write arrived, the next read tells. */
const TRIES = 4;

/** The share stays only when its lease is gone: it would run out as nobody renews it. Null when it is. */
async function releaseLease(
  ramp: RampDocument,
  ports: Ports,
): Promise<Extract<Outcome<never>, { kind: "failed" }> | null> {
  let problem = "";
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const base = await readBase(ports);
    if (!("state" in base)) return unreachable(base, ports);
    const write = await dropLease(ramp, base, ports);
    if (write === null) return null;
    problem = write.kind === "written" ? "it is still stored" : problemOf(write);
  }
  return {
    kind: "failed",
    code: "upstream",
    message: `the ramp's lease could not be removed: ${problem}`,
    truth: `unless it is removed, the Worker falls back to ${ramp.base.percent} % when it expires`,
    next: invocation(ports.target, "ramp abort --keep"),
  };
}

function storedShare({ state: { config } }: Base): string {
  return config.kind === "valid" ? share(config.value.canary_percent) : share(null);
}

/** Nobody carries it out any more when it has shown no sign of life for so long. */
const SILENT_MS = 15 * 60_000;

/**
 * Where nobody else will say that the ramp is over: in the file of a process that is gone, and in KV when
 * whoever carried it out has been silent, be it another machine or a cron that does not run.
 */
async function endHere(
  { ramp, from, alive }: KnownRamp,
  given: Given<typeof input>,
  ports: Ports,
): Promise<void> {
  if (alive || isOver(ramp)) return;
  const nowMs = ports.clock.now();
  const here = from === "here" && ramp.mode === "attached";
  const silent = nowMs - Date.parse(ramp.updated_at) > SILENT_MS;
  if (!here && !silent) return;
  const at = new Date(nowMs).toISOString();
  const ended = { at, by: ports.identity.actor, why: given.reason ?? "aborted", keep: given.keep };
  const over: RampDocument = { ...ramp, state: "aborted", ended, updated_at: at };
  try {
    if (here) await keep(over, ports);
    else await showInKv(over, ports);
  } catch (error) {
    ports.progress.warn(error instanceof Error ? error.message : String(error));
  }
}

/** Null when there is something to lower. */
function whyNotLower(base: Base, ramp: RampDocument): string | null {
  if (isEmergency(base.state)) return "is 0 %: an emergency is on";
  const { config } = base.state;
  if (config.kind !== "valid") return "unknown: there is no readable config";
  const ours = ramp.plan.some(({ revision }) => revision === config.value.revision);
  if (!ours)
    return `stays at ${config.value.canary_percent} %, set by ${config.value.updated_by ?? UNKNOWN_AUTHOR}`;
  return config.value.canary_percent > ramp.base.percent
    ? null
    : `is ${config.value.canary_percent} % already`;
}

function render(outcome: Outcome<AbortData>): string {
  if (!("data" in outcome) || !outcome.data) return "";
  const { lowered, note } = outcome.data;
  const lines = [renderRamp({ ...outcome, data: outcome.data } as Outcome<RampData>, false)];
  if (lowered !== null) lines.push(...shareLines(outcome, lowered));
  if (note !== null) lines.push(`  ${note}`);
  return lines.join("\n");
}
