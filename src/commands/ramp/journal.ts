/** What a ramp leaves in the journal: one entry per step, one for how it ended or why it stands still. */

import type { Notice } from "../../domain/notices/notice.ts";
import type { RampDocument } from "../../domain/ramp/document.ts";
import { rampNotice } from "../../domain/ramp/text.ts";
import type { Snapshot } from "../../domain/state/journal.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput } from "../command.ts";
import { leaveTrace, snapshotOf } from "../lib/record-change.ts";

const TELL_LIMIT_MS = 2_000;

/** Told again after a crash, it is the same entry: its id is the step's revision, its time the config's. */
export async function traceStep(
  ramp: RampDocument,
  outcome: "live" | "stored",
  input: CommonInput,
  ports: Ports,
): Promise<void> {
  const step = ramp.plan[ramp.step];
  if (step === undefined || ramp.written_at === null) return;
  const previous = ramp.plan[ramp.step - 1];
  const before: Snapshot = {
    percent: previous?.percent ?? ramp.base.percent,
    emergency: false,
    revision: previous?.revision ?? ramp.base.revision,
  };
  const liveMs = Date.parse(ramp.live_at ?? "") - Date.parse(ramp.written_at);
  await leaveTrace(ports, input, {
    command: "ramp",
    id: step.revision,
    at: ramp.written_at,
    before,
    after: { percent: step.percent, emergency: false, revision: step.revision },
    outcome,
    locations: [],
    elapsedMs: Number.isFinite(liveMs) ? Math.max(0, liveMs) : 0,
    notes: [
      `step ${ramp.step + 1}/${ramp.plan.length} of ramp ${ramp.id}`,
      ...(ramp.gates ? [] : ["forced: no gates"]),
    ],
  });
}

/** Changes nothing by itself: before and after are what is stored. */
export async function traceEnd(
  ramp: RampDocument,
  state: ParsedState,
  input: CommonInput,
  ports: Ports,
): Promise<void> {
  const at = ramp.ended?.at ?? ramp.paused?.at;
  const why = ramp.ended?.why ?? ramp.paused?.why ?? "";
  const by = ramp.ended?.by ?? ramp.paused?.by ?? ramp.by;
  const present = snapshotOf(state);
  await leaveTrace(ports, input, {
    command: "ramp",
    id: `${ramp.id}-${ramp.state}`,
    ...(at === undefined ? {} : { at }),
    before: present,
    after: present,
    outcome: "stored",
    locations: [],
    elapsedMs: 0,
    notes: [`ramp ${ramp.state}: ${why} (${by})`.slice(0, 1_000)],
    unwritten: true,
  });
  await tell(rampNotice(ramp, ports.target.env, ports.clock.now()), ports);
}

async function tell(notice: Notice, { clock, notifier, progress }: Ports): Promise<void> {
  if (notifier.channels.length === 0) return;
  const signal = clock.timeout(TELL_LIMIT_MS);
  for (const warning of await notifier.notify(notice, { signal })) progress.warn(warning);
}
