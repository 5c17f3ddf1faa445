/** Errors by normalised message, bounded: what exceeds a bound is counted as others, not lost. */
import { type Budget, Counter } from "./counter.ts";
import { hintsOf } from "./hints.ts";
import { normalise } from "./normalise.ts";
import type { LogRecord } from "./record.ts";
import { isLate, type StateChange, spanOf } from "./timeline.ts";

const MAX_GROUPS = 1_000;
const MAX_VALUES = 40;
/** Of the values of all groups: enough for 200 groups with 100 short ones each. */
const MAX_VALUE_CHARS = 640_000;
/** What all groups are known by, and their examples: a thousand of 2,000 characters each. */
const MAX_TEXT_CHARS = 2_000_000;
/** Messages repeat: most are looked at once. */
const MAX_REMEMBERED = 2_000;
/** What is longer takes more room than looking at it again takes time. */
const MAX_REMEMBERED_CHARS = 1_000;
const MAX_EXAMPLE_CHARS = 500;

export interface Example {
  ray_id: string | null;
  at: string | null;
  message: string;
  stack: string | null;
}

export interface Group {
  /** Folded: see `normalise`. */
  message: string;
  /** `context.error`, folded: what the runbook's pipeline counts by. */
  error: string | null;
  count: number;
  firstMs: number | null;
  lastMs: number | null;
  levels: Counter;
  cohorts: Counter;
  phases: Counter;
  routes: Counter;
  locations: Counter;
  countries: Counter;
  devices: Counter;
  statuses: Counter;
  /** What the lines say about the cause: see `hintsOf`. */
  hints: Counter;
  /** Lines that carry an older configuration than they should, by location. */
  late: Counter;
  /** Lines in each span between changes. */
  spans: number[];
  /** Of the newest line with a stack, else of the newest. */
  example: { record: LogRecord; ms: number };
}

/** What a line is known by, and what that says of its cause. */
interface Words {
  message: string;
  error: string | null;
  hints: readonly string[];
}

export class Groups {
  readonly #changes: readonly StateChange[];
  readonly #groups = new Map<string, Group>();
  readonly #known = new Map<string, Words>();
  readonly #values: Budget = { left: MAX_VALUE_CHARS };
  readonly #texts: Budget = { left: MAX_TEXT_CHARS };
  /** Lines whose group did not fit any more. */
  others = 0;
  total = 0;

  constructor(changes: readonly StateChange[]) {
    this.#changes = changes;
  }

  add(record: LogRecord): void {
    this.total += 1;
    const words = this.#wordsOf(record);
    const group = this.#groupOf(record, words);
    if (group === null) {
      this.others += 1;
      return;
    }
    group.count += 1;
    if (record.ms !== null) {
      group.firstMs = Math.min(group.firstMs ?? record.ms, record.ms);
      group.lastMs = Math.max(group.lastMs ?? record.ms, record.ms);
    }
    group.levels.add(record.level);
    group.cohorts.add(record.cohort);
    group.phases.add(record.phase);
    group.routes.add(record.route);
    group.locations.add(record.colo);
    group.countries.add(record.country);
    group.devices.add(record.device);
    group.statuses.add(record.status);
    for (const hint of words.hints) group.hints.add(hint);
    const span = spanOf(this.#changes, record.ms);
    if (span !== null) group.spans[span] = (group.spans[span] ?? 0) + 1;
    if (isLate(this.#changes, span, record)) group.late.add(record.colo ?? "unknown");
    const former = group.example.record;
    if (isBetterExample(record, former) && this.#fits(charsOf(record) - charsOf(former))) {
      group.example = { record, ms: record.ms ?? 0 };
    }
  }

  #groupOf(record: LogRecord, { message, error }: Words): Group | null {
    const key = `${error ?? ""}\n${message}`;
    const existing = this.#groups.get(key);
    if (existing !== undefined) return existing;
    if (this.#groups.size >= MAX_GROUPS || !this.#fits(2 * key.length + charsOf(record)))
      return null;
    const group = newGroup({ message, error }, record, this.#changes.length + 1, this.#values);
    this.#groups.set(key, group);
    return group;
  }

  /** Takes the room, where there is so much. */
  #fits(chars: number): boolean {
    if (chars > 0 && chars > this.#texts.left) return false;
    this.#texts.left -= chars;
    return true;
  }

  #wordsOf(record: LogRecord): Words {
    const said = saidBy(record);
    // The parts of an answer are no ids: they stay as they are.
    if (said === null) return { message: answerOf(record), error: null, hints: [] };
    const key = `${record.error}\n${record.message}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const words = {
      message: normalise(said),
      error: record.error === null ? null : normalise(record.error),
      hints: hintsOf(record),
    };
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
    if (key.length <= MAX_REMEMBERED_CHARS) this.#known.set(key, words);
    return words;
  }

  /** Largest first; equal ones by message, so that the order of files does not matter. */
  list(): Group[] {
    return [...this.#groups.values()].sort(
      (a, b) =>
        b.count - a.count ||
        (a.message < b.message ? -1 : a.message > b.message ? 1 : 0) ||
        ((a.error ?? "") < (b.error ?? "") ? -1 : 1),
    );
  }
}

function newGroup(
  { message, error }: Pick<Words, "message" | "error">,
  record: LogRecord,
  spans: number,
  values: Budget,
): Group {
  const counter = (): Counter => new Counter(MAX_VALUES, values);
  return {
    message,
    error,
    count: 0,
    firstMs: null,
    lastMs: null,
    levels: counter(),
    cohorts: counter(),
    phases: counter(),
    routes: counter(),
    locations: counter(),
    countries: counter(),
    devices: counter(),
    statuses: counter(),
    hints: counter(),
    late: counter(),
    spans: new Array(spans).fill(0),
    example: { record, ms: record.ms ?? 0 },
  };
}

/**
 * The error's kind and what it said; a line that has only one of them, or has the one inside the
 * other, is known by that. Null when it says nothing.
 */
function saidBy({ error, message }: LogRecord): string | null {
  if (error !== null && message !== null) {
    if (message.includes(error)) return message;
    return error.includes(message) ? error : `${error}: ${message}`;
  }
  const said = message ?? error;
  return said === null || said.trim() === "" ? null : said;
}

/** What a refusal without an error is known by. */
function answerOf({ status, method, route }: LogRecord): string {
  const parts = [status, method, route].filter((part) => part !== null);
  return parts.length === 0 ? "(no message)" : parts.join(" ");
}

function charsOf({ error, message, stack }: LogRecord): number {
  return [error, message, stack].reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

function isBetterExample(a: LogRecord, b: LogRecord): boolean {
  if ((a.stack === null) !== (b.stack === null)) return a.stack !== null;
  const [aMs, bMs] = [a.ms ?? 0, b.ms ?? 0];
  if (aMs !== bMs) return aMs > bMs;
  // Of two at the same time any will do, as long as it is the same whichever file came first.
  return `${a.rayId}\n${a.message}` > `${b.rayId}\n${b.message}`;
}

export function exampleOf(group: Group): Example {
  const { record } = group.example;
  return {
    ray_id: record.rayId,
    at: record.ms === null ? null : new Date(record.ms).toISOString(),
    message: (saidBy(record) ?? answerOf(record)).slice(0, MAX_EXAMPLE_CHARS).toWellFormed(),
    stack: record.stack,
  };
}
