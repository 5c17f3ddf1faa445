/** What the stage's visitors are answered by, from some moment on. */
import { anySignal, unlessAborted } from "../../domain/lib/abort.ts";
import { counted, countText } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Rehearsal, TrafficCounts } from "../../ports/visitors.ts";
import type { DrillData } from "./data.ts";

/** Visitors wait for an answer half as long. */
const SILENCE_LIMIT_MS = 30_000;

type Answers = Pick<TrafficCounts, "native" | "total">;
type Visiting = Pick<Ports, "clock" | "interrupt">;

/** The answers from now on, until they are enough or none comes any more, however slowly they come. */
export async function answersUntil(
  { clock, interrupt }: Visiting,
  rehearsal: Rehearsal,
  enough: (seen: Answers) => boolean,
): Promise<Answers> {
  const before = rehearsal.counts();
  let seen: Answers = { native: 0, total: 0 };
  let newestMs = clock.monotonic();
  while (!enough(seen) && clock.monotonic() - newestMs < SILENCE_LIMIT_MS) {
    try {
      await clock.sleep(50, interrupt);
    } catch {
      break;
    }
    const { native, total } = rehearsal.counts();
    if (total - before.total > seen.total) newestMs = clock.monotonic();
    seen = { native: native - before.native, total: total - before.total };
  }
  return seen;
}

/** Requests under way when the stop went live are let through first, however slow; after that, not one. */
export async function nobodyNative(
  ports: Visiting,
  rehearsal: Rehearsal,
  answers: number,
): Promise<{ held: boolean; detail: string }> {
  await unlessAborted(rehearsal.settled(), patience(ports), () => undefined);
  const { native, total } = await answersUntil(ports, rehearsal, (seen) => seen.total >= answers);
  const detail = `${counted(native, "native answer")} in ${countText(total)}`;
  return { held: total >= answers && native === 0, detail };
}

/** Ends the visitors and keeps what they were answered; one whose request never ends is a step that did not hold. */
export async function sendHome(
  stage: Pick<Rehearsal, "stopVisitors">,
  ports: Visiting,
  data: Pick<DrillData, "steps" | "traffic">,
): Promise<void> {
  data.traffic = await unlessAborted(stage.stopVisitors(), patience(ports), () => null);
  if (data.traffic !== null || ports.interrupt.aborted) return;
  data.steps.push({
    step: "visitors leave",
    held: false,
    elapsed_ms: SILENCE_LIMIT_MS,
    detail: `a visitor's request has no answer after ${SILENCE_LIMIT_MS / 1_000} s`,
  });
}

/** They may be in the middle of an upload: whoever types Ctrl-C does not wait for that. */
function patience({ clock, interrupt }: Visiting): AbortSignal {
  return anySignal([interrupt, clock.timeout(SILENCE_LIMIT_MS)]);
}
