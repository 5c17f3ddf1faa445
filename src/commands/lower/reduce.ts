/**
 * Fewer visitors to native: halves the share, or sets a lower one. Never asks, and never raises.
 * Done means: the new revision is stored and every `/qa` of the environment shows it.
 */

import * as z from "zod";
import { halfOf } from "../../domain/state/transitions.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, Given, Outcome, Planned } from "../command.ts";
import { flag, percentInput } from "../flag.ts";
import { invocation, share } from "../lib/format.ts";
import { readBase, unreachable } from "../lib/stored-state.ts";
import type { ReliefData, ReliefSteps } from "./apply.ts";
import { applyRelief, renderRelief } from "./apply.ts";

const input = z.object({
  to: flag(
    "--to <percent>",
    "the new share; must be lower than the current one",
    percentInput.optional(),
  ),
});
type Input = Given<typeof input>;

export const reduce: ChangingVerb<typeof input, ReliefSteps, ReliefData> = {
  name: "reduce",
  summary: "Lower the share of new visitors that go to native",
  details:
    "Lowers the share for new visitors. Visitors with a native cookie stay on native " +
    "for up to 24 h; only `not-aus` moves them. Never asks. Without --to, halves the share.",
  examples: ["pixcanary reduce --env production", "pixcanary reduce --env production --to 2.5"],
  relief: true,
  timeoutMs: 90_000,
  input,
  plan,
  apply: (steps, given, ports) => applyRelief("reduce", steps, given, ports),
  render: renderRelief,
};

async function plan(given: Input, ports: Ports): Promise<Planned<ReliefSteps, ReliefData>> {
  const base = await readBase(ports);
  if (!("state" in base)) return { kind: "ended", outcome: unreachable(base, ports) };
  const { config } = base.state;
  if (config.kind !== "valid") {
    const problem = config.kind === "absent" ? "there is no config" : `config ${config.problem}`;
    return ended({
      kind: "failed",
      code: "conflict",
      message: `${problem}: there is no share to reduce`,
      truth: "the Worker uses its last good config for 10 min, then sends all traffic to proxy",
      next: invocation(ports.target, "disable"),
    });
  }
  const present = config.value.canary_percent;
  const percent = given.to ?? halfOf(present);
  if (percent > present) {
    return ended({
      kind: "failed",
      code: "usage",
      message: `${percent} % is higher than the current ${present} %; reduce only lowers`,
      truth: `still at ${present} %`,
      next: invocation(ports.target, `restore --to ${percent} --reason "…"`),
    });
  }
  if (percent === present) {
    const notes = [`already at ${present} %: nothing to write`];
    return { kind: "plan", risk: "none", changes: [], notes, steps: { base, to: null } };
  }
  const to = { percent, emergency: config.value.emergency_proxy, tag: config.value.canary_tag };
  return {
    kind: "plan",
    risk: "relief",
    changes: [{ what: "share of new visitors", before: share(present), after: share(percent) }],
    notes: [],
    steps: { base, to },
  };
}

function ended(outcome: Outcome<ReliefData>): Planned<ReliefSteps, ReliefData> {
  return { kind: "ended", outcome };
}
