/** What a restore does first where more than the plain stop is in force. */
import { takenRungs } from "../../domain/ladder/shown.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome, Planned } from "../command.ts";
import { invocation } from "../lib/format.ts";
import { accountRungs, anyRung, rungLines, rungsKnown, rungsTaken } from "../lib/rungs-taken.ts";
import { type Base, unreachable } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";
import { type DownSteps, downChanges } from "./down.ts";
import type { DownData } from "./down-run.ts";

interface DownLook {
  base: Base;
  journal: { entries: readonly JournalEntry[] };
  sightings: readonly Sighting[];
}

/** Null where no rung is taken but the plain stop. */
export async function planDown(
  { base, journal, sightings }: DownLook,
  ports: Ports,
  { signal, force }: { signal: AbortSignal; force: boolean },
): Promise<Planned<DownSteps, DownData> | null> {
  const known = rungsKnown(journal.entries, sightings);
  if (!anyRung(known)) return null;
  try {
    const down = await rungsTaken(known, ports, { signal });
    const notes = [
      ...rungLines(known, takenRungs(known, sightings, accountRungs(down)), ports.clock.now()),
      "the stop stays in force: another restore releases it",
    ];
    if (down.version === null && down.route === null) {
      if (!known.bypassedSeen || force) return null;
      return { kind: "ended", outcome: routeUnknown(ports) };
    }
    return {
      kind: "plan",
      risk: "exposure",
      changes: downChanges(down),
      notes,
      steps: { down, base },
    };
  } catch (error) {
    // What only the journal still says, and no /qa shows, keeps no release back: it may have been put back by hand.
    const shown = known.proxyOnlySeen || known.bypassedSeen;
    const { message } = asUpstream(error);
    if (!shown) {
      ports.progress.warn(
        `cannot ask the account whether a rung is taken: ${message}; no /qa shows one`,
      );
      return null;
    }
    const outcome = unreachable(asUpstream(error), ports);
    // Whoever wants native back is not sent to stop it.
    const next = invocation(ports.target, outcome.code === "auth" ? "doctor" : "status");
    return { kind: "ended", outcome: { ...outcome, next } };
  }
}

function routeUnknown({ target }: Ports): Outcome<never> {
  const zone = target.zone ?? "the zone";
  return {
    kind: "failed",
    code: "conflict",
    message: "no /qa is answered by the Worker, and the journal names no route that was deleted",
    truth: "nothing was written",
    next: `${invocation(target, "not-aus")}   # then put the route of ${zone} back: npx wrangler triggers deploy; if something else answers: restore --force`,
  };
}
