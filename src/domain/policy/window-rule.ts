/** One row of the policy over a window: when it failed, for how long, and what could not be judged. */

import type { Finding, Unit } from "./finding.ts";
import type { Policy } from "./numbers.ts";
import type { Family, Recommendation, Rule, Severity } from "./rule.ts";
import type { RuleRow } from "./rules.ts";
import type { Verdict } from "./verdict.ts";

/** A stretch of the window, seconds since the epoch. */
export interface Stretch {
  /** The start of what the rule looked at when it first said so. */
  fromS: number;
  toS: number;
  /** So many evaluations said so, one per bucket. */
  buckets: number;
}

export interface FailedStretch extends Stretch {
  /** The highest value in it. */
  worst: number | null;
  /** Another rule that explains it, for all of it. */
  because: Rule | null;
}

/**
 * Over its limit, and then for too long neither failed nor passed. `dark`: for the rule's own time, as
 * too little was measured. `long`: for twice that, as gaps or too few errors in each bucket kept it
 * from failing. `now`: still so. `gave_up`: not over its limit, but visitors gave up far more of native's requests
 * than of proxy's.
 */
export interface OpenStretch extends Stretch {
  why: "dark" | "long" | "now" | "gave_up";
}

export interface RuleOverWindow {
  rule: Rule;
  family: Family;
  severity: Severity;
  recommends: Exclude<Recommendation, "none">;
  verdict: Verdict;
  /** How many evaluations said what: one at the end of each bucket. */
  evaluations: Record<Verdict, number>;
  /** The first and the last evaluation that failed, seconds since the epoch; null: none. */
  first_failed_s: number | null;
  last_failed_s: number | null;
  /** Oldest first. */
  failed: FailedStretch[];
  open: OpenStretch[];
  limit: number;
  unit: Unit;
  /** Of the newest evaluation. */
  detail: string;
}

interface Pending extends Stretch {
  /** Evaluations without data since it began. */
  dark: number;
  /** All that was seen of it. */
  gaveUp: boolean;
}

/**
 * Folds the findings of one rule, oldest first. A gap in the data must not hide a failure: what was
 * over its limit when the data ended stays open, and so does what gaps have kept from being judged.
 */
export class RuleTally {
  readonly #row: RuleRow;
  readonly #bucketS: number;
  /** Without gaps, so many buckets over the limit in a row are a failure. */
  readonly #own: number;
  readonly #evaluations: Record<Verdict, number> = {
    pass: 0,
    fail: 0,
    inconclusive: 0,
    no_data: 0,
  };
  readonly #failed: FailedStretch[] = [];
  readonly #open: OpenStretch[] = [];
  #times: { first: number | null; last: number | null } = { first: null, last: null };
  #pending: Pending | null = null;
  #before: Verdict = "no_data";
  #newest: Finding | null = null;

  constructor(row: RuleRow, policy: Policy) {
    this.#row = row;
    this.#bucketS = policy.bucketSeconds;
    this.#own = policy[row.key].minutes;
  }

  /** `refuted`: another rule has data on the same thing, and sees nothing wrong. */
  add(finding: Finding, { endS, refuted }: { endS: number; refuted: boolean }): void {
    const { verdict } = finding;
    this.#evaluations[verdict] += 1;
    this.#newest = finding;
    if (verdict === "fail") this.#fail(finding, endS);
    else if (verdict === "inconclusive") this.#wait(endS, finding.gave_up === true);
    else if (verdict === "pass" || refuted) this.#settle();
    else if (this.#pending !== null) this.#pending.dark += 1;
    this.#before = verdict;
  }

  #wait(endS: number, gaveUp: boolean): void {
    this.#pending ??= { fromS: endS - this.#bucketS, toS: endS, buckets: 0, dark: 0, gaveUp };
    this.#pending.gaveUp &&= gaveUp;
    this.#pending.toS = endS;
    this.#pending.buckets += 1;
  }

  /** Not over its limit any more. There may have been time enough for a failure, or not. */
  #settle(): void {
    const pending = this.#pending;
    this.#pending = null;
    if (pending === null) return;
    const { buckets, dark } = pending;
    // Single errors here and there last longer than the rule's own time by chance alone, but not twice.
    const long = dark > 0 ? buckets + dark >= this.#own : buckets >= 2 * this.#own;
    if (long) this.#open.push(openStretch(pending, "long"));
  }

  #fail({ window, values, because }: Finding, endS: number): void {
    this.#pending = null;
    this.#times = { first: this.#times.first ?? endS, last: endS };
    const worst = highest(values);
    const last = this.#failed.at(-1);
    if (this.#before !== "fail" || last === undefined) {
      this.#failed.push({ fromS: window.fromS, toS: window.toS, buckets: 1, worst, because });
      return;
    }
    last.toS = window.toS;
    last.buckets += 1;
    last.worst = highest([last.worst, worst]);
    if (because === null) last.because = null;
  }

  result(): RuleOverWindow {
    const { rule, family, severity, recommends } = this.#row;
    const open: OpenStretch[] = [...this.#open];
    if (this.#pending !== null) open.push(openStretch(this.#pending, "now"));
    return {
      ...{ rule, family, severity, recommends },
      verdict: this.#verdict(open),
      evaluations: { ...this.#evaluations },
      first_failed_s: this.#times.first,
      last_failed_s: this.#times.last,
      failed: this.#failed.map((stretch) => ({ ...stretch })),
      open,
      limit: this.#newest?.limit ?? 0,
      unit: this.#newest?.unit ?? "%",
      detail: this.#newest?.detail ?? "no data",
    };
  }

  #verdict(open: readonly OpenStretch[]): Verdict {
    const { pass, fail } = this.#evaluations;
    if (fail > 0) return "fail";
    if (open.length > 0) return "inconclusive";
    return pass > 0 ? "pass" : "no_data";
  }
}

function openStretch(
  { dark, gaveUp, ...stretch }: Pending,
  otherwise: "long" | "now",
): OpenStretch {
  return { ...stretch, why: gaveUp ? "gave_up" : dark > 0 ? "dark" : otherwise };
}

function highest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
