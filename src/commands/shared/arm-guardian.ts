/**
 * A human has looked at what the guardian did, and names it: it may act by itself again. What it does meanwhile is
 * newer than that, and latches it. Best effort: it stays latched otherwise.
 */
import { GUARDIAN_CAP_KEY, parseCap } from "../../domain/cap.ts";
import { actionsIn, newestAction } from "../../domain/guardian.ts";
import type { GuardianArm } from "../../domain/guardian-document.ts";
import { GUARDIAN_ARM_KEY, GUARDIAN_KEY, parseGuardian } from "../../domain/guardian-document.ts";
import type { ParsedState } from "../../domain/state.ts";
import type { Ports } from "../../ports.ts";

const LIMIT_MS = 4_000;
const ENTRIES = 20;

/** `seen`: the state that the human was shown, whose stop may be released by now. */
export async function armGuardian(ports: Ports, id: string, seen: ParsedState): Promise<void> {
  const signal = ports.clock.timeout(LIMIT_MS);
  try {
    const [guardian, cap, journal] = await Promise.all([
      ports.documents.get(GUARDIAN_KEY, { signal }),
      ports.documents.get(GUARDIAN_CAP_KEY, { signal }),
      ports.journal.recent(ENTRIES, { signal }),
    ]);
    const known = { guardian: parseGuardian(guardian), cap: parseCap(cap), state: seen };
    const through = newestAction(actionsIn({ ...known, entries: journal.entries }));
    const at = new Date(ports.clock.now()).toISOString();
    const arm: GuardianArm = { schema: 1, at, by: ports.identity.actor, id, through };
    await ports.documents.put(GUARDIAN_ARM_KEY, JSON.stringify(arm), { signal });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    ports.progress.warn(`the guardian was not armed again and only watches: ${why}`);
  }
}
