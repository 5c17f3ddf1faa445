/** What this machine knows of the death of a ramp's process, at once and without a sign of life that is overdue. */
import { GATE } from "../../domain/ramp/advance.ts";
import { supersededBy } from "../../domain/ramp/carrier.ts";
import { isOver, parseRamp, type RampDocument } from "../../domain/ramp/document.ts";
import type { Ports } from "../../ports/ports.ts";

/** A process whose gate pauses the ramp ends, as it should: a person decides. */
export function isLeft({ mode, paused }: RampDocument): boolean {
  return mode === "attached" && paused?.by === GATE;
}

/** Its process was one of this machine, which has its file, and holds no lock any more. Never throws. */
export async function diedHere(
  ramp: RampDocument | null,
  { rampFile }: Pick<Ports, "rampFile">,
): Promise<boolean> {
  if (ramp === null || isOver(ramp) || ramp.mode === "detached" || isLeft(ramp)) return false;
  try {
    const [text, alive] = await Promise.all([rampFile.read(), rampFile.isLocked()]);
    const own = parseRamp(text);
    return !alive && own?.id === ramp.id && supersededBy(own, ramp) === null;
  } catch {
    return false;
  }
}
