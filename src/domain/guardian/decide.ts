/**
 * What the guardian does at a tick, as a pure function (DESIGN §4). It only ever lowers exposure: it writes a
 * stop or a cap, never `config`, and acts at most once until a human arms it again. KV ages each key by
 * itself, so nothing rests on its own memory alone: what it wrote says so, too. (AT-13, AT-14)
 */

import { timeOf } from "../lib/time.ts";
import type { Assessment } from "../policy/finding.ts";
import { sentence } from "../policy/finding-text.ts";
import type { CanaryConfig, StopDocument } from "../state/documents.ts";
import type { JournalEntry } from "../state/journal.ts";
import type { ParsedState } from "../state/state.ts";
import { isEmergency } from "../state/state.ts";
import { halfOf, stopNow } from "../state/transitions.ts";
import type { GuardianCap } from "./cap.ts";
import type { GuardianArm, GuardianDocument, GuardianMode } from "./document.ts";
import { GUARDIAN } from "./document.ts";
import { hasBeen, hashChars, tickId, tickOf } from "./tick-id.ts";

/** An action of its own, as it remembers it. */
export type Latch = NonNullable<GuardianDocument["latched"]>;
export type ActionKind = Latch["action"];

/** All that a tick has read, each key by itself perhaps a minute old. */
export interface GuardianKnown {
  guardian: GuardianDocument | null;
  arm: GuardianArm | null;
  /** The newest cap, in force or not. */
  cap: GuardianCap | null;
  /** The newest of the journal, in order of time. */
  entries: readonly JournalEntry[];
  state: ParsedState;
}

export interface GuardianSeen extends GuardianKnown {
  /** The cron's scheduled time: the same for duplicate runs. Milliseconds since the epoch. */
  tickMs: number;
  mode: GuardianMode;
  /** Of what was measured since a human last changed anything. */
  assessment: Pick<Assessment, "verdict" | "recommendation" | "problems">;
}

export interface Action {
  kind: ActionKind;
  why: string;
  id: string;
  /** One of the two, and nothing else, is written. */
  stop: StopDocument | null;
  cap: GuardianCap | null;
  before: CanaryConfig;
}

/** Null when there is nothing to do, or nothing that it may do. */
export function decideAction(seen: GuardianSeen): Action | null {
  const { assessment, mode, state, entries, arm, tickMs } = seen;
  const { recommendation } = assessment;
  if (mode !== "enforce" || assessment.verdict !== "fail") return null;
  if (recommendation === "none" || recommendation === "notify") return null;
  if (state.config.kind !== "valid" || isLatched(seen, tickMs)) return null;
  // A run of a tick that has acted, after a human has looked at what it did.
  if (tickMs <= armedThroughMs(arm, tickMs)) return null;
  const said = laterWord(state, entries, tickMs);
  if (isEmergency(state) || said?.after.emergency === true) return null;
  const why = assessment.problems.map(sentence).join("; ").slice(0, 400);
  const { value } = state.config;
  const percent = Math.min(value.canary_percent, said?.after.percent ?? 100);
  return actionOf(recommendation, why, { ...value, canary_percent: percent }, tickMs);
}

/**
 * The newest change in the journal, when neither key that was read is as new. One that is yet to come is no word: a
 * stop from a clock a day ahead would hold it back for a day.
 */
function laterWord(
  { config, stop }: ParsedState,
  entries: readonly JournalEntry[],
  tickMs: number,
): JournalEntry | null {
  const newest = entries.findLast((entry) => isChange(entry) && hasBeen(timeOf(entry.at), tickMs));
  if (newest === undefined) return null;
  const readMs = Math.max(
    timeOf(config.kind === "valid" ? config.value.last_updated : undefined),
    timeOf(stop.kind === "valid" ? stop.value.at : undefined),
  );
  return timeOf(newest.at) > readMs ? newest : null;
}

function isChange({ before, after }: JournalEntry): boolean {
  return before?.percent !== after.percent || before.emergency !== after.emergency;
}

/** Null when there is no share left to lower. `before`: with the share in force. */
export function actionOf(
  kind: ActionKind,
  why: string,
  before: CanaryConfig,
  tickMs: number,
): Action | null {
  const id = tickId(tickMs, before.revision ?? before.last_updated);
  if (kind === "not-aus") {
    const author = { actor: GUARDIAN, reason: why, nowMs: tickMs, id };
    return { kind, why, id, stop: stopNow(before.canary_tag, author).stop, cap: null, before };
  }
  const percent = kind === "reduce" ? halfOf(before.canary_percent) : 0;
  if (percent >= before.canary_percent) return null;
  const at = new Date(tickMs).toISOString();
  const over = before.last_updated;
  const cap = { schema: 1 as const, id, at, by: GUARDIAN, reason: why, percent, over };
  return { kind, why, id, stop: null, cap, before };
}

/**
 * It has acted since what a human has seen and named. No clock but the cron's own is asked: an action's id
 * carries its tick.
 */
export function isLatched(known: GuardianKnown, tickMs: number): boolean {
  const newest = newestAction(known, tickMs);
  return newest !== null && tickOf(newest.id) > armedThroughMs(known.arm, tickMs);
}

/** What names no tick that has been arms through nothing: neither for ever nor until then. */
function armedThroughMs(arm: GuardianArm | null, tickMs: number): number {
  return isAction(arm?.through ?? "", tickMs) ? tickOf(arm?.through ?? "") : -Infinity;
}

/** Whether it may be the id of an action of its own: all carry a tick that has been. */
export function isAction(id: string, nowMs: number): boolean {
  return hasBeen(tickOf(id), nowMs);
}

/**
 * Its newest action, which a human who has seen it arms it through; null: it has done nothing. By its memory, by
 * what it wrote, by the journal: any may be read before the others, or be damaged.
 */
export function newestAction(known: Omit<GuardianKnown, "arm">, nowMs: number): Latch | null {
  return actionsIn(known)
    .filter(({ id }) => isAction(id, nowMs))
    .reduce<Latch | null>(
      (newest, one) => (newest === null || tickOf(one.id) > tickOf(newest.id) ? one : newest),
      null,
    );
}

function actionsIn({ guardian, cap, entries, state }: Omit<GuardianKnown, "arm">): Latch[] {
  const { config, stop } = state;
  const latch = (id = "", at = "", why = "", action: ActionKind = "reduce"): Latch => {
    return { id, at, why: why.slice(0, 400), action };
  };
  const own = stop.kind === "valid" && stop.value.by === GUARDIAN ? stop.value : null;
  // Before the cap had a key of its own, it was written into config.
  const old = config.kind === "valid" && config.value.updated_by === GUARDIAN ? config.value : null;
  return [
    ...(guardian?.latched ? [guardian.latched] : []),
    ...(cap === null
      ? []
      : [latch(cap.id, cap.at, cap.reason, cap.percent > 0 ? "reduce" : "disable")]),
    ...(own === null ? [] : [latch(own.id, own.at, own.reason, "not-aus")]),
    ...(old === null ? [] : [latch(old.revision, old.last_updated, old.reason)]),
    ...entries
      .filter(({ actor }) => actor === GUARDIAN)
      .map(({ id, at, reason, command }) =>
        latch(
          id,
          at,
          reason ?? "",
          ACTIONS.find((action) => action === command),
        ),
      ),
  ];
}

const ACTIONS: readonly ActionKind[] = ["not-aus", "reduce", "disable"];

/**
 * When it first saw the state of things that people have brought about: what was measured before says nothing
 * of it. By the cron's clock, whatever theirs say. The same again is the same; anything else begins anew.
 */
export function since(
  { guardian, arm, entries, state }: GuardianKnown,
  tickMs: number,
): { mark: string; at: string } {
  const { config, stop } = state;
  const changes = entries.filter(
    (entry) => entry.actor !== GUARDIAN && entry.command !== "ramp" && isChange(entry),
  );
  // Behind one from a clock that is ahead, those of right clocks are still news.
  const newest = changes.findLast(({ at }) => hasBeen(timeOf(at), tickMs));
  const change = [newest?.id ?? null, changes.at(-1)?.id ?? null];
  const hand =
    config.kind === "valid" && config.value.updated_by === undefined ? config.value : null;
  const latch = stop.kind === "valid" ? [stop.value.active, stop.value.id, stop.value.at] : null;
  const mark = hashChars(JSON.stringify([arm?.id ?? null, change, hand, latch]));
  const known = knownSince(guardian, tickMs);
  return known?.mark === mark ? known : { mark, at: new Date(tickMs).toISOString() };
}

/** As it remembers it. From a time that is none, or yet to come, it would judge nothing, for ever. */
export function knownSince(
  guardian: GuardianDocument | null,
  tickMs: number,
): GuardianDocument["since"] {
  const known = guardian?.since ?? null;
  return known !== null && hasBeen(timeOf(known.at), tickMs) ? known : null;
}

/** Its key and its bytes are the same for each run of the same tick. */
export function entryOf(
  action: Action,
  given: { tickMs: number; host: string; tool: string; notes: readonly string[] },
): JournalEntry {
  const { before, cap, id, kind } = action;
  const revision = before.revision ?? null;
  return {
    schema: 1,
    id,
    at: new Date(given.tickMs).toISOString(),
    command: kind,
    actor: GUARDIAN,
    host: given.host,
    reason: action.why,
    incident: null,
    before: { percent: before.canary_percent, emergency: false, revision },
    after: {
      percent: cap?.percent ?? before.canary_percent,
      emergency: action.stop !== null,
      revision,
    },
    revision: null,
    verification: { outcome: "written", locations: [], elapsed_ms: 0 },
    notes: [...given.notes],
    tool: given.tool,
    namespace: null,
  };
}
