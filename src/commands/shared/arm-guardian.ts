/** A human has looked: the guardian may act by itself again. Best effort: it stays latched otherwise. */
import { GUARDIAN_ARM_KEY } from "../../domain/guardian-document.ts";
import type { Ports } from "../../ports.ts";

const LIMIT_MS = 4_000;

export async function armGuardian(ports: Ports, id: string): Promise<void> {
  const at = new Date(ports.clock.now()).toISOString();
  const arm = { schema: 1, at, by: ports.identity.actor, id };
  try {
    const signal = ports.clock.timeout(LIMIT_MS);
    await ports.documents.put(GUARDIAN_ARM_KEY, JSON.stringify(arm), { signal });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    ports.progress.warn(`the guardian was not armed again and only watches: ${why}`);
  }
}
