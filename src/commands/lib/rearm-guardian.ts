/**
 * A human has looked at what the guardian did, and names it: it may act by itself again. What it does meanwhile is
 * newer than that, and latches it. Best effort: it stays latched otherwise.
 */
import { GUARDIAN_CAP_KEY, parseCap } from "../../domain/guardian/cap.ts";
import type { Latch } from "../../domain/guardian/decide.ts";
import { isLatched, newestAction } from "../../domain/guardian/decide.ts";
import type { GuardianArm } from "../../domain/guardian/document.ts";
import {
  GUARDIAN_ARM_KEY,
  GUARDIAN_KEY,
  parseGuardian,
  parseGuardianArm,
} from "../../domain/guardian/document.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import { asUpstream } from "./write-result.ts";

const LIMIT_MS = 4_000;
const ENTRIES = 20;

/** Its own keys, as text. */
export type GuardianTexts = Record<"guardian" | "arm" | "cap", string | null>;

/** What a plan has seen of it. */
export interface GuardianSeen {
  /** Its newest action; null: none. */
  newest: Latch | null;
  /** It does nothing by itself until somebody arms it. */
  latched: boolean;
}

/** Never rejects: the problem in words, where they could not be read. */
export async function readGuardian(
  { documents }: Pick<Ports, "documents">,
  signal: AbortSignal,
): Promise<GuardianTexts | string> {
  try {
    const [guardian, arm, cap] = await Promise.all(
      [GUARDIAN_KEY, GUARDIAN_ARM_KEY, GUARDIAN_CAP_KEY].map((key) =>
        documents.get(key, { signal }),
      ),
    );
    return { guardian: guardian ?? null, arm: arm ?? null, cap: cap ?? null };
  } catch (error) {
    return asUpstream(error).message;
  }
}

/** Never rejects. */
export async function lookAtGuardian(
  ports: Ports,
  state: ParsedState,
  signal: AbortSignal,
): Promise<GuardianSeen | string> {
  const [texts, { entries }] = await Promise.all([
    readGuardian(ports, signal),
    ports.journal.recent(ENTRIES, { signal }),
  ]);
  return guardianSeen(texts, state, entries, ports);
}

/** By the API's clock: the one of this machine may be behind what the cron did. */
export function guardianSeen(
  texts: GuardianTexts | string,
  state: ParsedState,
  entries: readonly JournalEntry[],
  { apiClock }: Pick<Ports, "apiClock">,
): GuardianSeen | string {
  if (typeof texts === "string") return texts;
  const nowMs = apiClock.now() ?? Number.POSITIVE_INFINITY;
  const known = {
    guardian: parseGuardian(texts.guardian),
    arm: parseGuardianArm(texts.arm),
    cap: parseCap(texts.cap),
    entries,
    state,
  };
  return { newest: newestAction(known, nowMs), latched: isLatched(known, nowMs) };
}

/** `seen`: what the human was shown, or why that is not known. Returns how the API refused it, if it did. */
export async function armGuardian(
  ports: Ports,
  id: string,
  seen: GuardianSeen | string,
): Promise<UpstreamError | null> {
  if (typeof seen === "string") return notArmed(seen);
  const through = seen.newest?.id ?? null;
  const at = new Date(ports.clock.now()).toISOString();
  const arm: GuardianArm = { schema: 1, at, by: ports.identity.actor, id, through };
  const signal = ports.clock.timeout(LIMIT_MS);
  try {
    await ports.documents.put(GUARDIAN_ARM_KEY, JSON.stringify(arm), { signal });
    return null;
  } catch (thrown) {
    const error = asUpstream(thrown);
    notArmed(error.message);
    return error;
  }

  function notArmed(why: string): null {
    ports.progress.warn(`the guardian was not re-armed, it will not act: ${why}`);
    return null;
  }
}
