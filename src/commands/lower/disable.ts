/**
 * No new visitors to native (0 %), a slow wind-down: whoever holds a native cookie keeps native for
 * up to 24 h. Never asks. Refuses during an emergency: writing "no emergency" would lift it.
 */
import { snapshotOf } from "../../domain/state/journal.ts";
import { isEmergency } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, Planned } from "../command.ts";
import { noFlags } from "../flag.ts";
import { invocation, share } from "../lib/format.ts";
import { readBase, unreachable } from "../lib/stored-state.ts";
import { EMERGENCY_STORED } from "../lib/summary-text.ts";
import type { ReliefData, ReliefSteps } from "./apply.ts";
import { applyRelief, renderRelief } from "./apply.ts";

export const disable: ChangingVerb<typeof noFlags, ReliefSteps, ReliefData> = {
  name: "disable",
  summary: "Send no new visitors to native (0 %); cookies stay valid",
  details:
    "No new visitors go to native. Visitors with a native cookie stay on native for up to " +
    "24 h; to move them as well, run `not-aus`. Never asks.",
  examples: ['pixcanary disable --env production --reason "database maintenance"'],
  relief: true,
  timeoutMs: 90_000,
  input: noFlags,
  plan: (_input, ports) => plan(ports),
  apply: (steps, input, ports) => applyRelief("disable", steps, input, ports),
  render: renderRelief,
};

const ALREADY = "already at 0 %: nothing to write";

async function plan(ports: Ports): Promise<Planned<ReliefSteps, ReliefData>> {
  const base = await readBase(ports);
  if (!("state" in base)) return { kind: "ended", outcome: unreachable(base, ports) };
  const before = snapshotOf(base.state);
  if (isEmergency(base.state)) {
    return {
      kind: "ended",
      outcome: {
        kind: "failed",
        code: "conflict",
        message: "an emergency is on; disable would lift it",
        truth: `${EMERGENCY_STORED}, which is more than disable does`,
        next: invocation(ports.target, "status"),
      },
    };
  }
  const { config } = base.state;
  if (config.kind === "valid" && config.value.canary_percent === 0) {
    return { kind: "plan", risk: "none", changes: [], notes: [ALREADY], steps: { base, to: null } };
  }
  const tag = config.kind === "valid" ? config.value.canary_tag : ports.target.canaryTag;
  return {
    kind: "plan",
    risk: "relief",
    changes: [{ what: "share of new visitors", before: share(before.percent), after: "0 %" }],
    notes: ["visitors with a native cookie stay native for up to 24 h"],
    steps: { base, to: { percent: 0, emergency: false, tag } },
  };
}
