/** Many histories, each from its own seed; ends at the first that breaks. */
import { virtualMachine } from "./machine.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { play } from "./play.ts";
import { shrink } from "./shrink.ts";
import { storyOf } from "./story.ts";
import type { Broken } from "./truth.ts";
import type { Twin } from "./twins.ts";

const BREATH = 500;

export interface Campaign {
  runs: number;
  /** What the world was asked, over all histories. */
  asked: Record<"obeyed" | "released" | "live" | "covered", number>;
  /** Exit codes by verb: "not-aus 0". */
  exits: Map<string, number>;
  /** The first history that broke. */
  failure: { seed: number; broken: Broken; story: string } | null;
}

/** Seeds are `seed`, `seed + step`, …; `isOver` is asked after each history. */
export async function campaign(
  twin: Twin,
  { seed, runs, step = 1 }: { seed: number; runs: number; step?: number },
  isOver: (done: number) => boolean = () => false,
): Promise<Campaign> {
  const asked = { obeyed: 0, released: 0, live: 0, covered: 0 };
  const result: Campaign = { runs: 0, asked, exits: new Map(), failure: null };
  const leave = virtualMachine();
  try {
    for (let n = 0; n < runs && result.failure === null && !isOver(n); n += 1) {
      // Whoever else has something to do in this process, such as to say that it lives.
      if (n % BREATH === 0) await new Promise((resolve) => setImmediate(resolve));
      const plan = drawPlan(seed + n * step);
      const broken = await count(result, plan, twin);
      // A twin is looked for by the rule that it breaks.
      const counts = broken !== null && (twin.breaks === "" || broken.rule === twin.breaks);
      if (counts) result.failure = await explain(plan, twin, broken);
    }
  } finally {
    leave();
  }
  return result;
}

async function count(result: Campaign, plan: Plan, twin: Twin): Promise<Broken | null> {
  const { broken, truth, exits } = await play(plan, twin);
  result.runs += 1;
  for (const key of Object.keys(result.asked) as (keyof Campaign["asked"])[])
    result.asked[key] += truth.asked[key];
  for (const [verb, code] of exits) {
    const name = `${verb} ${code ?? "killed"}`;
    result.exits.set(name, (result.exits.get(name) ?? 0) + 1);
  }
  return broken;
}

async function explain(
  plan: Plan,
  twin: Twin,
  broken: Broken,
): Promise<NonNullable<Campaign["failure"]>> {
  const small = await shrink(plan, twin, broken.rule);
  return { seed: plan.seed, broken, story: await storyOf(small, twin) };
}
