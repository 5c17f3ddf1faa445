/**
 * The journal entry of a change, and the notice to people that is made of it. Either may fail with a
 * warning; neither ever fails the change.
 */

import type { IncidentEvent } from "../../domain/incident/event.ts";
import type { Rung } from "../../domain/ladder/rung.ts";
import { anySignal, unlessAborted } from "../../domain/lib/abort.ts";
import type { Debt } from "../../domain/state/debt.ts";
import type { JournalEntry, Signature, Snapshot } from "../../domain/state/journal.ts";
import { NO_CHANGE } from "../../domain/state/journal.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput } from "../command.ts";
import { invocation } from "./format.ts";
import { payDebt } from "./pay-debt.ts";

/** So long the prompt waits for others to take what is safe on this disk: most have by then. */
const HOLD_MS = 400;
/** So long for what is not: an incident has better things to wait for. */
const LIMIT_MS = 2_000;
/** After Ctrl-C the program leaves within two seconds, and the report comes after this. */
const INTERRUPTED_LIMIT_MS = 500;

export interface Trace {
  command: string;
  id: string;
  /** RFC 3339, UTC, where another may leave an entry for the same change: the two are then one. Now, if absent. */
  at?: string | undefined;
  before: Snapshot | null;
  after: Snapshot;
  outcome: JournalEntry["verification"]["outcome"];
  locations: readonly string[];
  elapsedMs: number;
  notes?: readonly string[];
  /** Nothing was written: it is journaled that somebody tried, and nobody is told. */
  unwritten?: boolean;
  /** A stop was released although none was stored. */
  released?: boolean;
  /** Of `not-aus --via`, and what `restore` undid of it. */
  rung?: Rung;
}

/** `early`: of `keepEarly`, if that was called. */
export async function leaveTrace(
  ports: Ports,
  input: CommonInput,
  trace: Trace,
  early?: Promise<boolean>,
): Promise<void> {
  const told = trace.unwritten === true ? "none" : "others";
  const { released } = trace;
  const entry = await entryOf(ports, input, trace);
  // An incident that was forgotten open must not go unnoticed.
  if (input.incident === undefined && entry.incident !== null)
    ports.progress.note(`journaled for the open incident ${entry.incident}`);
  await recordEntry(ports, entry, told, { released, early });
}

/** What is known so far, on disk before anybody is asked to take it: it outlives this process. */
export async function keepEarly(ports: Ports, input: CommonInput, trace: Trace): Promise<boolean> {
  const entry = await entryOf(ports, input, trace);
  return ports.debts.keep(debtOf(ports, entry, "others", false));
}

async function entryOf(ports: Ports, input: CommonInput, trace: Trace): Promise<JournalEntry> {
  const at = trace.at ?? new Date(ports.clock.now()).toISOString();
  return {
    ...(await signatureOf(ports, input)),
    schema: 1,
    id: trace.id,
    at,
    command: trace.command,
    before: trace.before,
    after: trace.after,
    revision: trace.after.revision,
    verification: {
      outcome: trace.outcome,
      locations: [...trace.locations],
      elapsed_ms: Math.round(trace.elapsedMs),
    },
    notes: [...(trace.notes ?? [])],
    ...(trace.rung === undefined ? {} : { rung: trace.rung }),
  };
}

function debtOf(
  { notifier }: Ports,
  entry: JournalEntry,
  told: "others" | "none",
  released: boolean,
): Debt {
  const channels = told === "none" ? [] : [...notifier.channels];
  return { schema: 1, entry, released, journal: true, channels };
}

/** A change belongs to the open incident, unless it names another: `--incident ""` names none. */
export async function signatureOf(
  { identity, journal, target }: Ports,
  { reason, incident: named }: Pick<CommonInput, "reason" | "incident">,
): Promise<Signature> {
  const { actor, host, tool } = identity;
  const incident = named === undefined ? await journal.openIncident() : named || null;
  return { actor, host, reason: reason ?? null, incident, tool, namespace: target.namespaceId };
}

/** `none` where nothing was changed, or where people get a notice of another kind. */
export async function recordEntry(
  ports: Ports,
  entry: JournalEntry,
  told: "others" | "none",
  {
    released = false,
    early,
  }: { released?: boolean | undefined; early?: Promise<boolean> | undefined } = {},
): Promise<void> {
  const { clock, debts, interrupt, journal, progress } = ports;
  const debt = debtOf(ports, entry, told, released);
  const limit = clock.timeout(interrupt.aborted ? INTERRUPTED_LIMIT_MS : LIMIT_MS);
  const keeping = unlessAborted(early ?? debts.keep(debt), limit, () => false);
  const held = anySignal([limit, onceKept(keeping, clock.timeout(HOLD_MS))]);
  const [here, { left, open, lost, taken }] = await Promise.all([
    journal.appendHere(entry),
    // A Ctrl-C from now on ends it; after an earlier one it has what is left.
    payDebt(ports, debt, interrupt.aborted ? held : anySignal([held, interrupt])),
  ]);
  for (const warning of [...here, ...lost]) progress.warn(warning);
  const kept = await keeping;
  if (left === null) await debts.drop(debt);
  else if (kept) await debts.keep(left);
  const how = debts.background
    ? "queued: being sent in the background"
    : `queued: ${invocation(ports.target, "deliver")} sends it`;
  for (const problem of open) progress.warn(kept ? `${problem}; ${how}` : problem);
  await rememberNotified(ports, entry, taken);
}

/** For the incident's timeline, on this machine alone: it costs no request. */
async function rememberNotified(
  { clock, journal, rng }: Ports,
  entry: JournalEntry,
  taken: readonly string[],
): Promise<void> {
  if (entry.incident === null || taken.length === 0) return;
  const nowMs = clock.now();
  const text = `${entry.command}: notification through ${taken.join(", ")}`;
  const event = { kind: "notified", severity: null, text, when: null } as const;
  const signature = { ...entry, reason: null };
  await journal.appendHere(eventEntry(signature, { id: rng.ulid(nowMs), nowMs, event }));
}

/** What a person has just said of `incident`, as an entry that is yet to be recorded. */
export async function eventNow(
  ports: Ports,
  given: Pick<CommonInput, "reason">,
  incident: string,
  event: IncidentEvent,
): Promise<JournalEntry> {
  const nowMs = ports.clock.now();
  const signature = await signatureOf(ports, { ...given, incident });
  return eventEntry(signature, { id: ports.rng.ulid(nowMs), nowMs, event });
}

/** An entry that tells of an incident and changes no state, which versions without incidents read as such. */
function eventEntry(
  signature: Signature,
  { id, nowMs, event }: { id: string; nowMs: number; event: IncidentEvent },
): JournalEntry {
  const { actor, host, reason, incident, tool, namespace } = signature;
  return {
    ...{ actor, host, reason, incident, tool, namespace },
    schema: 1,
    id,
    at: new Date(nowMs).toISOString(),
    command: "incident",
    before: NO_CHANGE,
    after: NO_CHANGE,
    revision: null,
    verification: { outcome: "stored", locations: [], elapsed_ms: 0 },
    notes: [event.text === "" ? event.kind : `${event.kind}: ${event.text}`],
    event,
  };
}

/** Aborts when the time is over and the debt is on disk; never while it is not. */
function onceKept(keeping: Promise<boolean>, hold: AbortSignal): AbortSignal {
  const enough = new AbortController();
  const over = new Promise((resolve) => {
    if (hold.aborted) resolve(null);
    hold.addEventListener("abort", resolve, { once: true });
  });
  void Promise.all([keeping, over]).then(([kept]) => (kept ? enough.abort() : undefined));
  return enough.signal;
}
