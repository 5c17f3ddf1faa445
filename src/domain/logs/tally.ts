/** Requests by cohort, phase, route and status, re-weighted: what rates are made of. */
import { Counter, ownCopy, tidy } from "./counter.ts";
import type { LogRecord } from "./record.ts";
import { isLate, type StateChange, spanOf } from "./timeline.ts";

const MAX_CELLS = 2_000;
const MAX_COHORTS = 16;
const MAX_LOCATIONS = 400;
const OTHERS = "(others)";

interface Cell {
  cohort: string;
  phase: string;
  route: string;
  status: string;
  /** Estimated: a line of sample rate 0.1 stands for ten requests. */
  requests: number;
  errors: number;
}

export interface Rate {
  cohort: string;
  phase: string;
  /** Estimated from the sample. */
  requests: number;
  errors: number;
  /** 0…1; null without requests. */
  error_rate: number | null;
}

export class RequestTally {
  readonly #changes: readonly StateChange[];
  readonly #cells = new Map<string, Cell>();
  /** Requests by cohort in each span between changes. */
  readonly #spans = new Map<string, number[]>();
  /** Lines of any kind in each span: whether there is anything to compare with. */
  readonly lines: number[];
  /** Requests decided with an older configuration than the location should have had. */
  readonly late = new Counter(MAX_LOCATIONS);
  readonly onTime = new Counter(MAX_LOCATIONS);

  constructor(changes: readonly StateChange[]) {
    this.#changes = changes;
    this.lines = new Array(changes.length + 1).fill(0);
  }

  add(record: LogRecord): void {
    const span = spanOf(this.#changes, record.ms);
    if (span !== null) this.lines[span] = (this.lines[span] ?? 0) + 1;
    if (!record.request) return;
    const weight = 1 / record.sampleRate;
    const cell = this.#cell(record);
    cell.requests += weight;
    if (record.failed) cell.errors += 1;
    if (span !== null) this.#addToSpan(cell.cohort, span, weight);
    const late = isLate(this.#changes, span, record);
    if (late !== null) (late ? this.late : this.onTime).add(record.colo ?? "unknown", weight);
  }

  #cell(record: LogRecord): Cell {
    const { cohort, phase, route, status } = record;
    const key = `${cohort}\t${phase}\t${route}\t${status}`;
    const existing = this.#cells.get(key);
    if (existing !== undefined) return existing;
    if (this.#cells.size >= MAX_CELLS) return this.#lastCell();
    const cell: Cell = {
      cohort: ownCopy(cohort ?? "unknown"),
      phase: ownCopy(phase ?? "unknown"),
      route: ownCopy(route ?? "unknown"),
      status: String(status ?? "unknown"),
      requests: 0,
      errors: 0,
    };
    this.#cells.set(ownCopy(key), cell);
    return cell;
  }

  #lastCell(): Cell {
    const existing = this.#cells.get(OTHERS);
    if (existing !== undefined) return existing;
    const names = { cohort: OTHERS, phase: OTHERS, route: OTHERS, status: OTHERS };
    const cell: Cell = { ...names, requests: 0, errors: 0 };
    this.#cells.set(OTHERS, cell);
    return cell;
  }

  #addToSpan(cohort: string, span: number, weight: number): void {
    const known = this.#spans.has(cohort) || this.#spans.size < MAX_COHORTS;
    const key = known ? cohort : OTHERS;
    const spans = this.#spans.get(key) ?? new Array<number>(this.lines.length).fill(0);
    this.#spans.set(key, spans);
    spans[span] = (spans[span] ?? 0) + weight;
  }

  /** Estimated requests of these cohorts in one span. */
  requestsIn(span: number, cohorts: readonly string[]): number {
    const names = new Set(cohorts.map((cohort) => (this.#spans.has(cohort) ? cohort : OTHERS)));
    return [...names].reduce((sum, name) => sum + (this.#spans.get(name)?.[span] ?? 0), 0);
  }

  /** By cohort and phase, most errors first. */
  rates(): Rate[] {
    const byKey = new Map<string, Rate>();
    for (const { cohort, phase, requests, errors } of this.#cells.values()) {
      const key = `${cohort}\t${phase}`;
      const rate = byKey.get(key) ?? { cohort, phase, requests: 0, errors: 0, error_rate: null };
      rate.requests += requests;
      rate.errors += errors;
      byKey.set(key, rate);
    }
    const name = (rate: Rate): string => `${rate.cohort} ${rate.phase}`;
    return [...byKey.values()]
      .map((rate) => ({
        ...rate,
        requests: tidy(rate.requests),
        error_rate: rate.requests > 0 ? rate.errors / rate.requests : null,
      }))
      .sort((a, b) => b.errors - a.errors || (name(a) < name(b) ? -1 : 1));
  }

  /** Estimated requests that satisfy all of these. */
  count(wanted: { cohort?: string; routes?: ReadonlySet<string>; status?: string }): number {
    let sum = 0;
    for (const cell of this.#cells.values()) {
      if (wanted.cohort !== undefined && cell.cohort !== wanted.cohort) continue;
      if (wanted.status !== undefined && cell.status !== wanted.status) continue;
      if (wanted.routes === undefined || wanted.routes.has(cell.route)) sum += cell.requests;
    }
    return tidy(sum);
  }
}
