/**
 * Waits until every `/qa` shows the stored state (or the deadline passes), and says how long it took.
 * Changes nothing. Exit 0 when live everywhere that can be seen, 21 when not.
 */
import * as z from "zod";
import { expectationOf } from "../domain/expectation.ts";
import type { Snapshot } from "../domain/journal.ts";
import type { Ports } from "../ports.ts";
import type { CommandDef, CommonInput, NoFlags, Outcome } from "./command.ts";
import { interruptedBy } from "./command.ts";
import { readBase, unreachable } from "./shared/change-config.ts";
import { snapshotOf } from "./shared/leave-trace.ts";
import type { LiveProof } from "./shared/prove-live.ts";
import { isLive, proveLive } from "./shared/prove-live.ts";
import { invocation, liveLine, missingLines, OTHERS_FOLLOW, share } from "./shared/words.ts";

export interface VerifyData {
  stored: Snapshot;
  live: LiveProof["live"];
  missing: LiveProof["missing"];
}

export const verify: CommandDef<NoFlags, null, VerifyData> = {
  name: "verify",
  summary: "Wait until every /qa shows the stored state",
  details: "Reads the stored state and polls every /qa until it shows it. Changes nothing.",
  examples: [
    "pixcanary verify --env production",
    "pixcanary verify --env production --timeout 120",
  ],
  options: [],
  mutates: false,
  timeoutMs: 90_000,
  input: z.object({}),
  plan: async () => ({ kind: "answer", steps: null }),
  apply: (_steps, input, ports) => waitForStored(input, ports),
  render,
};

async function waitForStored(input: CommonInput, ports: Ports): Promise<Outcome<VerifyData>> {
  const startedMs = ports.clock.monotonic();
  const signal = AbortSignal.any([ports.clock.timeout(input.timeoutMs), ports.interrupt]);
  const base = await readBase(ports, signal);
  if (!("state" in base)) return unreachable(base, ports);
  const stored = snapshotOf(base.state);
  const proof = await proveLive(ports, expectationOf(base.state), {
    signal,
    startedMs,
    what: "state",
  });
  const data: VerifyData = { stored, live: proof.live, missing: proof.missing };
  if (isLive(proof)) return { kind: "done", changed: false, data };
  const interrupted = interruptedBy(ports.interrupt);
  const next = invocation(ports.target, "verify");
  if (interrupted !== null) {
    return { kind: "interrupted", signal: interrupted, truth: "nothing was changed", next, data };
  }
  return { kind: "pending", data, waitingFor: "every /qa to show the stored state", next };
}

function render(outcome: Outcome<VerifyData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const state = data.stored.emergency ? "emergency" : share(data.stored.percent);
  return [
    `  stored    ${state}, revision ${data.stored.revision ?? "none"}`,
    `  live      ${liveLine(data)}`,
    ...missingLines(data),
    `  ${OTHERS_FOLLOW}`,
  ].join("\n");
}
