/** Ends a ramp and goes back to the share before it. Relief: never asks, and needs nobody to be alive. */

import * as z from "zod";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { isOver } from "../../domain/ramp/document.ts";
import { shareOf } from "../../domain/ramp/text.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import { isEmergency } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, CommonInput, Given, Outcome } from "../command.ts";
import { onOff } from "../flag.ts";
import { invocation, liveLine, missingLines } from "../lib/format.ts";
import { proveStored } from "../lib/prove-stored.ts";
import type { Base } from "../lib/stored-state.ts";
import { readBase, unreachable } from "../lib/stored-state.ts";
import type { ReliefData } from "../lower/apply.ts";
import { applyRelief } from "../lower/apply.ts";
import { newControl, runningRamp, send } from "./control.ts";
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
  const told = await send(newControl("abort", ramp, given, ports), ports);
  await endHere(known, given, ports);
  const data: AbortData = { ramp, at_ms: ports.clock.now(), lowered: null, note: null };
  if (told !== null)
    data.note = `abort could not be sent (${told.message}); the ramp will stop when it sees the changed config`;
  const base = await readBase(ports);
  if (!("state" in base)) return { ...unreachable(base, ports), data };
  const stays = given.keep ? "unchanged" : whyNotLower(base, ramp);
  if (stays !== null) {
    data.note = data.note ?? stays;
    if (told !== null) return { ...unreachable(told, ports), data };
    const next = invocation(ports.target, "status");
    const headline = `aborted; share ${stays}`;
    const stored = await proveStored(base, given, ports, () => data);
    return stored.kind === "done" ? { ...stored, changed: true, headline, next } : stored;
  }
  const reason = given.reason ?? "ramp aborted";
  const to = { percent: ramp.base.percent, emergency: false, tag: ramp.base.tag };
  const outcome = await applyRelief("reduce", { base, to }, { ...given, reason }, ports);
  return {
    ...outcome,
    data: { ...data, lowered: "data" in outcome ? (outcome.data ?? null) : null },
  } as Outcome<AbortData>;
}

/** Nobody carries it out any more when it has shown no sign of life for so long. */
const SILENT_MS = 15 * 60_000;

/**
 * Where nobody else will say that the ramp is over: in the file of a process that is gone, and in KV when
 * whoever carried it out has been silent, be it another machine or a cron that does not run.
 */
async function endHere(
  { ramp, from, alive }: KnownRamp,
  given: CommonInput,
  ports: Ports,
): Promise<void> {
  if (alive || isOver(ramp)) return;
  const nowMs = ports.clock.now();
  const here = from === "here" && ramp.mode === "attached";
  const silent = nowMs - Date.parse(ramp.updated_at) > SILENT_MS;
  if (!here && !silent) return;
  const at = new Date(nowMs).toISOString();
  const ended = { at, by: ports.identity.actor, why: given.reason ?? "aborted" };
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
  if (isEmergency(base.state)) return "0 %: an emergency is on";
  const { config } = base.state;
  if (config.kind !== "valid") return "unknown: there is no readable config";
  const ours = ramp.plan.some(({ revision }) => revision === config.value.revision);
  if (!ours)
    return `${config.value.canary_percent} %, set by ${config.value.updated_by ?? UNKNOWN_AUTHOR}`;
  return config.value.canary_percent > ramp.base.percent
    ? null
    : `${config.value.canary_percent} % already`;
}

function render(outcome: Outcome<AbortData>): string {
  if (!("data" in outcome) || !outcome.data) return "";
  const { ramp, lowered, note } = outcome.data;
  const lines = [renderRamp({ ...outcome, data: outcome.data } as Outcome<RampData>)];
  if (lowered !== null) {
    lines.push(
      `  share     ${shareOf(ramp)} → ${ramp.base.percent} %`,
      `  live      ${liveLine(lowered)}`,
    );
    lines.push(...missingLines(lowered));
  }
  if (note !== null) lines.push(`  ${note}`);
  return lines.join("\n");
}
