/** Ends a ramp and goes back to the share before it. Relief: never asks, and needs nobody to be alive. */

import * as z from "zod";
import { takenOver } from "../../domain/ramp/carrier.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { isOver } from "../../domain/ramp/document.ts";
import { shareOf } from "../../domain/ramp/text.ts";
import { ended } from "../../domain/ramp/transitions.ts";
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
import { recordEnd, recordRequest } from "./journal.ts";
import { silenceOf, stateText } from "./life.ts";
import { renderRamp } from "./render.ts";
import type { RampData } from "./run-state.ts";
import { type KnownRamp, showEnd } from "./store.ts";

const END_LIMIT_MS = 20_000;

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
    "Ends the ramp wherever it runs, also if its process has died, here or elsewhere. The share " +
    "goes back now to what it was before the ramp, unless --keep. Never asks.",
  examples: [
    'pixcanary ramp abort --env production --reason "support tickets"',
    "pixcanary ramp abort --env production --keep",
  ],
  relief: true,
  timeoutMs: 90_000,
  input,
  async plan(given, ports) {
    const found = await runningRamp(ports);
    // One that has ended without anybody saying so is ended in words as well.
    if (found.known === undefined) return found.ended as never;
    const { ramp } = found.known;
    const before = stateText(found.known, ports.clock.now());
    const after = given.keep ? shareOf(ramp) : `${ramp.base.percent} %`;
    const changes = [
      { what: "ramp", before, after: isOver(ramp) ? ramp.state : "aborted" },
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
  const plain = newControl("abort", ramp, given, ports);
  const control = given.keep ? { ...plain, keep: true } : plain;
  const told = await send(control, ports);
  const requested = () => recordRequest(control, told, given, ports);
  const over = endOf(known, given, ports);
  const data: AbortData = { ramp: over, at_ms: ports.clock.now(), lowered: null, note: null };
  const leased = given.keep ? await releaseLease(ramp, ports) : null;
  // A ramp that is over cannot be aborted again, as it then must be.
  if (leased !== null) {
    await requested();
    return { ...leased, data: { ...data, ramp } };
  }
  const base = await readBase(ports);
  // An end that was not seen is no more than requested.
  const journal = (shown: boolean) =>
    shown ? recordEnd(over, "state" in base ? base.state : null, given, ports) : requested();
  // What takes traffic away waits for nothing.
  const [shown, outcome] = await Promise.all([
    endIn(known, over, journal, ports),
    "state" in base ? lower(over, base, data, given, ports) : { ...unreachable(base, ports), data },
  ]);
  // Until it saw the end, the ramp's process may have renewed it.
  const again = given.keep ? await releaseLease(ramp, ports) : null;
  if (again !== null) return { ...again, data };
  if (shown || outcome.kind !== "done") return outcome;
  if (told !== null) return { ...unreachable(told, ports), data: outcome.data };
  return unshown(known, outcome.data, given, ports);
}

/** Who runs it obeys the request, as far as anybody does. */
function unshown(
  known: KnownRamp,
  data: AbortData,
  given: Given<typeof input>,
  ports: Ports,
): Outcome<AbortData> {
  const silence = silenceOf(known, ports.clock.now());
  const waitingFor = "KV to show that the ramp has ended; the abort is requested";
  if (silence === null) {
    return { kind: "pending", data, waitingFor, next: invocation(ports.target, "ramp status") };
  }
  const again = invocation(ports.target, given.keep ? "ramp abort --keep" : "ramp abort");
  const why = `${silence}, so that only a repeat is certain to end it`;
  return { kind: "pending", data, waitingFor: `${waitingFor}; ${why}`, next: again };
}

async function lower(
  ramp: RampDocument,
  base: Base,
  data: AbortData,
  given: Given<typeof input>,
  ports: Ports,
): Promise<Outcome<AbortData>> {
  const stays = given.keep ? `stays at ${storedShare(base)}` : whyNotLower(base, ramp);
  if (stays !== null) {
    const next = invocation(ports.target, "status");
    const how = ramp.state === "aborted" ? "aborted" : "the ramp had ended already";
    const headline = `${how}; share ${stays}`;
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

/**
 * With a later carrier than anybody has: whoever still carries it out stops when he sees it, as far as he did
 * not hear the word before, and nobody has to be alive for it.
 */
function endOf({ ramp }: KnownRamp, given: Given<typeof input>, ports: Ports): RampDocument {
  const { identity, clock, rng } = ports;
  const nowMs = clock.now();
  const { actor: by } = identity;
  const end = { atMs: nowMs, by, why: given.reason ?? "aborted", keep: given.keep };
  const over = isOver(ramp) ? ramp : ended(ramp, "aborted", end);
  const id = rng.ulid(nowMs, ramp.carrier.id);
  const raised = takenOver(over, { id, by, host: ramp.host });
  return { ...raised, updated_at: new Date(nowMs).toISOString() };
}

/** True when KV shows it. In the file as well, where its process on this machine is gone. */
async function endIn(
  { from, alive }: KnownRamp,
  over: RampDocument,
  journal: (shown: boolean) => Promise<void>,
  ports: Ports,
): Promise<boolean> {
  const shown = await showEnd(over, ports, END_LIMIT_MS);
  if (from === "here" && !alive) {
    await ports.rampFile.write(JSON.stringify(over)).catch((error: unknown) => {
      ports.progress.warn(error instanceof Error ? error.message : String(error));
    });
  }
  await journal(shown);
  return shown;
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
