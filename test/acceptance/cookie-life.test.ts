/** AT-18: what parsing costs, how long a cookie counts, and whether the share is what was asked for. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cookieCandidates } from "../../src/domain/decision/cookie-header.ts";
import { DRAWS, decide } from "../../src/domain/decision/decide.ts";
import { seededRandom } from "../../src/sandbox/random.ts";
import type { BundleOrder, LifeResult } from "./bundle.isolate.ts";
import type { Isolate } from "./isolate.ts";
import { startIsolate } from "./isolate.ts";

/** By percentage: the rarer native is, the more draws it takes to measure. */
const DRAWS_BY_PERCENT = { "0.1": 16_000, "1": 8_000, "5": 4_000, "25": 4_000, "50": 4_000 };
const SEED = Number(process.env.PIXCANARY_SEED ?? 18);
const COOKIE_HEADERS = 50_000;

let isolate: Isolate;
beforeAll(async () => {
  isolate = await startIsolate("bundle.isolate.ts", { workers: 2 });
});
afterAll(() => isolate.dispose());

interface Cost {
  /** Characters looked at or copied. */
  characters: number;
}

/** A text that counts what is done to it; copies count on the same account. */
class CountingText {
  readonly #text: string;
  readonly #cost: Cost;

  constructor(text: string, cost: Cost) {
    this.#text = text;
    this.#cost = cost;
  }

  get length(): number {
    return this.#text.length;
  }

  indexOf(what: string, from = 0): number {
    const found = this.#text.indexOf(what, from);
    this.#cost.characters += (found === -1 ? this.#text.length : found + 1) - from;
    return found;
  }

  slice(from: number, to?: number): CountingText {
    const part = this.#text.slice(from, to);
    this.#cost.characters += part.length;
    return new CountingText(part, this.#cost);
  }

  lastIndexOf(what: string): number {
    const found = this.#text.lastIndexOf(what);
    this.#cost.characters += this.#text.length - Math.max(found, 0);
    return found;
  }

  trim(): string {
    this.#cost.characters += this.#text.length;
    return this.#text.trim();
  }

  toString(): string {
    this.#cost.characters += this.#text.length;
    return this.#text;
  }

  split(separator: string): CountingText[] {
    this.#cost.characters += this.#text.length;
    return this.#text.split(separator).map((part) => new CountingText(part, this.#cost));
  }
}

type Parser = (header: string) => unknown;

function costOf(parser: Parser, text: string): number {
  const cost: Cost = { characters: 0 };
  parser(new CountingText(text, cost) as unknown as string);
  return cost.characters;
}

/** Broken on purpose: looks for the next `=` through the whole rest, at each pair. */
function quadraticParser(header: string): string[] {
  const found: string[] = [];
  for (let start = 0; start < header.length; ) {
    const semicolon = header.indexOf(";", start);
    const end = semicolon === -1 ? header.length : semicolon;
    const equals = header.indexOf("=", start);
    if (equals < end) found.push(header.slice(equals + 1, end).trim());
    start = end + 1;
  }
  return found;
}

/** Shapes of `Cookie` headers, of any length. */
const SHAPES: Readonly<Record<string, (length: number) => string>> = {
  "only semicolons": (length) => `${";".repeat(length - 1)}=`,
  "no semicolon": (length) => "a".repeat(length),
  "only equals signs": (length) => "=".repeat(length),
  "short pairs": (length) => "a=b;".repeat(length / 4),
  "names without values": (length) => `${"a;".repeat(length / 2 - 1)}a=`,
  spaces: (length) => " ".repeat(length),
  "our name, over and over": (length) => "_canary_cohort=;".repeat(length / 16),
  "our name in line after line": (length) => "_canary_cohort=, ".repeat(length / 16),
  "lines and quotes": (length) => `_canary_cohort=${', "'.repeat(length / 4)}`,
  "almost our name": (length) => "_canary_cohor =;".repeat(length / 16),
};
const KIB = 1_024;
/** Looking for `;`, our name, `, `, quotes and `=`; copying pair, line, name and value; trimming. */
const LOOKS_PER_CHARACTER = 12;

describe("parsing costs no more than the header is long", () => {
  test.each(Object.entries(SHAPES))("%s", (_name, shape) => {
    for (const kib of [1, 8, 64]) {
      const length = kib * KIB;
      expect(costOf(cookieCandidates, shape(length))).toBeLessThanOrEqual(
        LOOKS_PER_CHARACTER * length,
      );
    }
  });

  test(`${COOKIE_HEADERS} random headers`, () => {
    const random = seededRandom(SEED);
    const pieces = [";", "=", " ", "a", "_canary_cohort", "_canary_cohort=v1", "; ", "==", ", "];
    let worst = 0;
    for (let n = 0; n < COOKIE_HEADERS; n += 1) {
      const parts = Array.from(
        { length: 1 + Math.floor(random.next() * 60) },
        () => pieces[Math.floor(random.next() * pieces.length)] ?? "",
      );
      const text = parts.join("");
      worst = Math.max(worst, costOf(cookieCandidates, text) / text.length);
    }
    console.log(`AT-18: seed ${SEED}, at worst ${worst.toFixed(2)} looks per character`);
    expect(worst).toBeLessThanOrEqual(LOOKS_PER_CHARACTER);
  });

  test("a parser that looks through the rest at each pair is caught", () => {
    const length = 8 * KIB;
    const cost = costOf(quadraticParser, SHAPES["only semicolons"]?.(length) ?? "");
    expect(cost).toBeGreaterThan(LOOKS_PER_CHARACTER * length);
  });
});

describe("a cookie's life, on the real bundle", () => {
  test("24 hours to the millisecond, one tag, then a new draw", async () => {
    const order: BundleOrder = { kind: "life", copy: 0, seed: SEED };
    const { moments } = await isolate.run<LifeResult>(order);
    const hours = Array.from({ length: 23 }, (_, hour) => `after ${hour + 1} h`);
    const kept = [...hours, "1 ms before 24 h"].map((moment) => [moment, moments[moment]]);
    expect(kept.every(([, shown]) => shown === "cookie, kept, no cookie set")).toBe(true);
    expect(moments).toMatchObject({
      "at 24 h": "sampled, cookie set",
      "of the tag before": "sampled, cookie set",
    });
    expect(moments["with the new cookie"]).toMatch(/^cookie, .*, no cookie set$/);
    expect(moments["of the new tag"]).toMatch(/^cookie, .*, no cookie set$/);
  });
});

describe("the share", () => {
  test("on the real bundle lies within 4σ at every percentage", async () => {
    const order: BundleOrder = { kind: "share", copy: 1, seed: SEED, draws: DRAWS_BY_PERCENT };
    const natives = await isolate.run<Record<string, number>>(order);
    console.log(`AT-18: seed ${SEED}, natives by percentage ${JSON.stringify(natives)}`);
    for (const [percent, draws] of Object.entries(DRAWS_BY_PERCENT)) {
      const native = natives[percent] ?? 0;
      expect([percent, isWithin4Sigma(native, draws, Number(percent))]).toEqual([percent, true]);
      // Twice the share would be seen.
      if (native >= 17) expect(isWithin4Sigma(native * 2 + 1, draws, Number(percent))).toBe(false);
    }
  });

  test("is exact over all draws that there are, for every share with two decimals", () => {
    for (let hundredths = 0; hundredths <= 10_000; hundredths += 1) {
      const percent = hundredths / 100;
      // The cut is sharp: all draws below it are native, and none from it on.
      const below = hundredths === 0 ? "native" : cohortOf(percent, hundredths - 1);
      const from = hundredths === DRAWS ? "proxy" : cohortOf(percent, hundredths);
      expect([percent, below, from]).toEqual([percent, "native", "proxy"]);
    }
  });
});

function isWithin4Sigma(natives: number, draws: number, percent: number): boolean {
  const expected = (draws * percent) / 100;
  return Math.abs(natives - expected) <= 4 * Math.sqrt(expected * (1 - percent / 100));
}

function cohortOf(percent: number, draw: number): string {
  const config = {
    canary_percent: percent,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated: "2026-01-01T00:00:00Z",
  };
  const none = {
    cap: null,
    leaseRunOut: false,
    emergency: false,
    stop: null,
    inForce: [],
    carried: { kv: [], beacon: [] },
  } as const;
  const state = { source: "kv", config, ...none, ageMs: 0 } as const;
  return decide({ state, override: false, cookie: null, draw }).cohort;
}
