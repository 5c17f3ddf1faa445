/** Faults of the API: a list of rules, each for some requests, composable. */
import * as z from "zod";

const common = {
  /** Which requests; all when absent. */
  match: z
    .strictObject({
      method: z.string().min(1).max(10).toUpperCase().optional(),
      pathContains: z.string().min(1).max(200).optional(),
    })
    .optional(),
  /** For so many matching requests, then no more; for ever when absent. */
  times: z.int().min(1).max(1_000_000).optional(),
  /** So many matching requests pass first. */
  after: z.int().min(0).max(1_000_000).optional(),
};

const ms = z.number().min(0).max(120_000);
const retryAfterS = z.int().min(0).max(3_600).optional();

export const faultRuleSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("delay"), ms, ...common }).describe('"ms": answers later'),
    z
      .strictObject({ kind: z.literal("rate-limited"), retryAfterS, ...common })
      .describe('429, "retryAfterS"?: with that header'),
    z
      .strictObject({
        kind: z.literal("server-error"),
        status: z.int().min(500).max(599).default(503),
        /** True: the write happens all the same. */
        committed: z.boolean().default(false),
        ...common,
      })
      .describe('"status"? (503), "committed"?: the write happens anyway'),
    z.strictObject({ kind: z.literal("unauthorized"), ...common }).describe("401"),
    z.strictObject({ kind: z.literal("forbidden"), ...common }).describe("403"),
    z
      .strictObject({ kind: z.literal("reset-before"), ...common })
      .describe("connection reset, nothing done"),
    z
      .strictObject({ kind: z.literal("reset-after"), ...common })
      .describe("done, then the connection is reset"),
    z.strictObject({ kind: z.literal("hang"), ...common }).describe("nothing done, no answer"),
    z.strictObject({ kind: z.literal("lost-answer"), ...common }).describe("done, no answer"),
    z
      .strictObject({
        kind: z.literal("drip"),
        bytes: z.int().min(1).max(65_536).default(1),
        everyMs: z.number().min(1).max(60_000).default(200),
        ...common,
      })
      .describe('"bytes"? (1) each "everyMs"? (200)'),
    z
      .strictObject({ kind: z.literal("truncated"), ...common })
      .describe("half of the body, sent as if complete"),
    z
      .strictObject({ kind: z.literal("flipped-byte"), ...common })
      .describe("one byte of the body is changed"),
    z
      .strictObject({ kind: z.literal("reset-mid-body"), ...common })
      .describe("half of the body, then a reset"),
    z
      .strictObject({ kind: z.literal("html"), committed: z.boolean().default(false), ...common })
      .describe('a sign-in page with 200, "committed"?'),
    z
      .strictObject({
        kind: z.literal("unsuccessful"),
        committed: z.boolean().default(false),
        ...common,
      })
      .describe('200 with "success": false, "committed"?'),
    z
      .strictObject({ kind: z.literal("forgotten-write"), ...common })
      .describe("a write is acknowledged and never stored"),
    z
      .strictObject({
        kind: z.literal("echo-authorization"),
        status: z.int().min(400).max(599).default(400),
        ...common,
      })
      .describe('an error quoting the Authorization header, "status"? (400)'),
    z
      .strictObject({ kind: z.literal("duplicate-write"), afterMs: ms.default(500), ...common })
      .describe('the write again after "afterMs"? (500)'),
    z
      .strictObject({ kind: z.literal("stale-read"), ...common })
      .describe("reads return the value before the last write"),
    z
      .strictObject({ kind: z.literal("older-read"), ...common })
      .describe("reads return the oldest value still known"),
    z.strictObject({ kind: z.literal("outage"), ...common }).describe("connections are refused"),
  ])
  .describe(
    '{"kind": …, "match"?: {"method"?, "pathContains"?}, "times"?, "after"?, what the kind takes}',
  );

/** Name and effect of each kind. */
export function faultSummary(): Record<string, string> {
  return Object.fromEntries(
    faultRuleSchema.options.map((option) => [option.shape.kind.value, option.description ?? ""]),
  );
}

export type FaultRule = z.output<typeof faultRuleSchema>;
export type FaultRuleInput = z.input<typeof faultRuleSchema>;
export type FaultKind = FaultRule["kind"];

export interface ActiveFault {
  id: number;
  rule: FaultRule;
  /** Matching requests so far. */
  seen: number;
  /** Requests that got the fault. */
  applied: number;
}

/** What a rule looks at. */
export interface FaultFacts {
  method: string;
  path: string;
}

export class FaultBook {
  #active: ActiveFault[] = [];
  #nextId = 1;
  readonly #onChange: () => Promise<void>;

  /** `onChange` opens or closes the listener; it has settled when a change resolves. */
  constructor(onChange: () => Promise<void> = () => Promise.resolve()) {
    this.#onChange = onChange;
  }

  /** Throws a ZodError for a rule that is not one. */
  async add(input: FaultRuleInput): Promise<number> {
    const rule = faultRuleSchema.parse(input);
    const id = this.#nextId++;
    this.#active.push({ id, rule, seen: 0, applied: 0 });
    await this.#onChange();
    return id;
  }

  async replace(inputs: readonly FaultRuleInput[]): Promise<void> {
    const rules = inputs.map((input) => faultRuleSchema.parse(input));
    this.#active = rules.map((rule) => ({ id: this.#nextId++, rule, seen: 0, applied: 0 }));
    await this.#onChange();
  }

  async remove(id: number): Promise<boolean> {
    const before = this.#active.length;
    this.#active = this.#active.filter((fault) => fault.id !== id);
    await this.#onChange();
    return this.#active.length < before;
  }

  async clear(): Promise<void> {
    this.#active = [];
    await this.#onChange();
  }

  list(): ActiveFault[] {
    return this.#active.map((fault) => ({ ...fault }));
  }

  /** An outage for everything, for ever: the port itself is closed. */
  get portClosed(): boolean {
    return this.#active.some(
      ({ rule }) =>
        rule.kind === "outage" &&
        rule.match === undefined &&
        rule.times === undefined &&
        (rule.after ?? 0) === 0,
    );
  }

  /** The faults for this request, in the order of the rules; counts it for each that matches. */
  take(facts: FaultFacts): FaultRule[] {
    return this.#active.filter((fault) => this.#applies(fault, facts)).map((fault) => fault.rule);
  }

  #applies(fault: ActiveFault, facts: FaultFacts): boolean {
    const { match, times, after = 0 } = fault.rule;
    if (match?.method !== undefined && match.method !== facts.method) return false;
    if (match?.pathContains !== undefined && !facts.path.includes(match.pathContains)) return false;
    fault.seen += 1;
    if (fault.seen <= after) return false;
    if (times !== undefined && fault.applied >= times) return false;
    fault.applied += 1;
    return true;
  }
}
