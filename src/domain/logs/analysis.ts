/** One pass over log lines: what was wrong, for whom, since when, and why. Bounded, whatever comes. */
import { CATEGORIES, type Category, type Cause, causes, classifyGroup } from "./classify.ts";
import { Counter } from "./counter.ts";
import { isLevelWanted, isWanted, type LogFilter, scopeOf } from "./filter.ts";
import { type Example, exampleOf, type Group, Groups } from "./groups.ts";
import { type Mark, marksOf } from "./marks.ts";
import type { LogRecord } from "./record.ts";
import { readMatch, type Shape, shapeOf } from "./shape.ts";
import { type Rate, RequestTally } from "./tally.ts";
import type { StateChange } from "./timeline.ts";
import { unwrapLine } from "./unwrap.ts";

const MAX_OUTCOMES = 40;
const MAX_SHAPES = 16;
/** Lines that are never alike must not be studied for ever. */
const MAX_STUDIED = 1_000;
/** A pattern is about as long as its line, and is kept: what is longer is parsed in full each time. */
const MAX_STUDIED_CHARS = 32_768;

export interface AnalysisOptions {
  filter: LogFilter;
  /** Of state, oldest first. */
  changes: readonly StateChange[];
  /** False parses every line in full: for tests. */
  shapes?: boolean;
}

export interface GroupReport {
  message: string;
  /** The runbook's `context.error`, folded. */
  error: string | null;
  count: number;
  /** Of all lines that were grouped, 0…1. */
  share: number;
  first_seen: string | null;
  last_seen: string | null;
  levels: Record<string, number>;
  cohorts: Record<string, number>;
  phases: Record<string, number>;
  routes: Record<string, number>;
  locations: Record<string, number>;
  countries: Record<string, number>;
  devices: Record<string, number>;
  statuses: Record<string, number>;
  example: Example;
  categories: Category[];
  changes: Mark[];
}

export interface AnalysisReport {
  /** Log lines and events of the files, however they are laid out. */
  lines: number;
  /** Of those: no JSON, too long, or nothing that could be a line. */
  broken: number;
  /** Of those: neither level nor outcome nor status, or a level that nobody can judge by. */
  unclear: number;
  /** Of those: events that went well and logged nothing. */
  quiet: number;
  /** Messages that Logpush cut. */
  truncated: number;
  /** Log lines in scope: errors and successes. */
  records: number;
  /** Of the lines in scope: those that are grouped. */
  matched: number;
  /** Of the lines in scope: without a readable time; they count whatever times are asked for. */
  without_time: number;
  /** Would be grouped, but do not say the cohort or the route that is asked for. */
  undecided: number;
  /** Of the events in scope, other than `ok`. */
  outcomes: Record<string, number>;
  first_at: string | null;
  last_at: string | null;
  groups: GroupReport[];
  /** Lines of groups beyond the limit. */
  others: number;
  rates: Rate[];
  causes: (Cause & { name: string; look: string })[];
}

export class LogAnalysis {
  readonly #options: AnalysisOptions;
  readonly #tally: RequestTally;
  readonly #groups: Groups;
  readonly #shapes: Shape[] = [];
  #studied = 0;
  #lines = 0;
  #broken = 0;
  #unclear = 0;
  #quiet = 0;
  #withoutTime = 0;
  #undecided = 0;
  readonly #outcomes = new Counter(MAX_OUTCOMES);
  #truncated = 0;
  #records = 0;
  #firstMs = Infinity;
  #lastMs = -Infinity;

  constructor(options: AnalysisOptions) {
    this.#options = options;
    this.#tally = new RequestTally(options.changes);
    this.#groups = new Groups(options.changes);
  }

  /**
   * Takes the line at `start` if a glance is enough, and returns where the next one begins; else -1,
   * and the caller brings the same line to `record`. `text` is a latin-1 view of the file's bytes.
   */
  skim(text: string, start: number): number {
    const shapes = this.#shapes;
    for (let index = 0; index < shapes.length; index += 1) {
      const shape = shapes[index];
      if (shape === undefined) break;
      shape.pattern.lastIndex = start;
      if (!shape.line) {
        if (!shape.pattern.test(text)) continue;
        this.#lines += 1;
        this.#quiet += 1;
        return shape.pattern.lastIndex;
      }
      const match = shape.pattern.exec(text);
      if (match === null) continue;
      this.#lines += 1;
      const record = readMatch(shape, match);
      if (record !== null) this.#take(record);
      return shape.pattern.lastIndex;
    }
    return -1;
  }

  /** One JSON object as it stands in the file, on one line or on several. False when it is none. */
  record(text: string): boolean {
    const told = unwrapLine(text);
    if (told === null) return false;
    const { records, entries, broken, unclear, truncated } = told;
    this.#lines += entries;
    this.#broken += broken;
    this.#unclear += unclear;
    this.#truncated += truncated;
    if (entries === 1 && broken + unclear + records.length === 0) this.#quiet += 1;
    if (entries === 1 && broken + unclear + truncated === 0) this.#study(text, records);
    for (const record of records) this.#take(record);
    return true;
  }

  /** Something that could not be understood, or was too long to be kept. */
  broken(): void {
    this.#lines += 1;
    this.#broken += 1;
  }

  #take(record: LogRecord): void {
    const { filter } = this.#options;
    const scope = scopeOf(record, filter);
    if (scope === "out") return;
    if (scope === "undecided") {
      if (isWanted(record, filter)) this.#undecided += 1;
      return;
    }
    this.#records += 1;
    if (record.ms === null) this.#withoutTime += 1;
    else {
      this.#firstMs = Math.min(this.#firstMs, record.ms);
      this.#lastMs = Math.max(this.#lastMs, record.ms);
    }
    this.#outcomes.add(record.outcome);
    this.#tally.add(record);
    if (isWanted(record, filter)) this.#groups.add(record);
  }

  /** Only a line that is never grouped, whatever its values, may be passed over by its shape. */
  #study(text: string, records: readonly LogRecord[]): void {
    if (this.#options.shapes === false) return;
    if (this.#shapes.length >= MAX_SHAPES || this.#studied >= MAX_STUDIED) return;
    if (text.length > MAX_STUDIED_CHARS || text.includes("\n")) return;
    const [record] = records;
    const { filter } = this.#options;
    if (records.length > 1 || (record !== undefined && isLevelWanted(record.level, filter))) return;
    this.#studied += 1;
    const shape = shapeOf(text.endsWith("\r") ? text.slice(0, -1) : text);
    if (shape !== null && shape.line === (records.length === 1)) this.#shapes.push(shape);
  }

  report(): AnalysisReport {
    const groups = this.#groups.list();
    return {
      lines: this.#lines,
      broken: this.#broken,
      unclear: this.#unclear,
      quiet: this.#quiet,
      truncated: this.#truncated,
      records: this.#records,
      matched: this.#groups.total,
      without_time: this.#withoutTime,
      undecided: this.#undecided,
      outcomes: this.#outcomes.toObject(),
      first_at: isoOf(this.#firstMs),
      last_at: isoOf(this.#lastMs),
      groups: groups.map((group) => this.#told(group)),
      others: this.#groups.others,
      rates: this.#tally.rates(),
      causes: causes(groups, this.#tally).map((cause) => ({
        ...cause,
        ...CATEGORIES[cause.category],
      })),
    };
  }

  #told(group: Group): GroupReport {
    return {
      message: group.message,
      error: group.error,
      count: group.count,
      share: group.count / Math.max(1, this.#groups.total),
      first_seen: isoOf(group.firstMs ?? Infinity),
      last_seen: isoOf(group.lastMs ?? Infinity),
      levels: group.levels.toObject(),
      cohorts: group.cohorts.toObject(),
      phases: group.phases.toObject(),
      routes: group.routes.toObject(),
      locations: group.locations.toObject(),
      countries: group.countries.toObject(),
      devices: group.devices.toObject(),
      statuses: group.statuses.toObject(),
      example: exampleOf(group),
      categories: classifyGroup(group),
      changes: marksOf(group, this.#tally, this.#options.changes),
    };
  }
}

function isoOf(ms: number): string | null {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : null;
}
