/** The before → after table of a restore. */
import type { Latch } from "../../domain/guardian/decide.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import type { StopDocument } from "../../domain/state/documents.ts";
import { readEmergencies } from "../../domain/state/emergency.ts";
import { snapshotOf } from "../../domain/state/journal.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Change } from "../command.ts";
import { authorsOf, shownAt } from "../lib/emergencies.ts";
import { share } from "../lib/format.ts";
import type { Base } from "../lib/stored-state.ts";
import type { SeenCap } from "./held.ts";

/** `from`: where it comes from, when nobody has typed it. */
export interface ShareTo {
  percent: number;
  from: string | null;
}

export function capChange({ percent, at, by, reason }: SeenCap): Change {
  const before = `at most ${percent} % since ${isoSeconds(at || "an unknown time")} by ${by} ("${reason}")`;
  return { what: "guardian's cap", before, after: "lifted" };
}

export function armChange({ action, at }: Latch): Change {
  const before = `latched since its ${action} at ${at || "an unknown time"}`;
  return { what: "guardian", before, after: "armed again" };
}

/** What locations hold beside what is stored: it ends, too. */
export function alsoShown(
  base: Base,
  sightings: readonly Sighting[],
  orphan: Pick<StopDocument, "id" | "at"> | null,
): Change[] {
  const { stop, config } = readEmergencies({ config: base.configText, stop: base.stopText });
  const told = [stop.asked?.mark, config.asked?.mark];
  const others = sightings
    .flatMap(shownAt)
    .filter(({ key, mark, id }) => key === "stop" && !told.includes(mark) && id !== orphan?.id);
  if (others.length === 0) return [];
  return [{ what: "stop", before: `also in force: ${authorsOf(others)}`, after: "released" }];
}

/** `shown`: in force at a location, or in `config`, although no stop is stored. */
function emergencyText(stored: boolean, shown: boolean): string {
  if (stored) return "on";
  return shown ? "on, but not stored" : "off";
}

export function changesOf(
  state: ParsedState,
  { percent, from }: ShareTo,
  orphan: Pick<StopDocument, "id" | "at"> | null,
): Change[] {
  const before = snapshotOf(state);
  const stop = state.stop.kind === "valid" && state.stop.value.active ? state.stop.value : null;
  const after = from === null ? share(percent) : `${share(percent)} (${from})`;
  const changes: Change[] = [
    { what: "share of new visitors", before: share(before.percent), after },
    {
      what: "emergency",
      before: emergencyText(before.emergency === true, orphan !== null),
      after: "off",
    },
  ];
  if (stop !== null) {
    const who = `active since ${isoSeconds(stop.at ?? "an unknown time")} by ${stop.by ?? UNKNOWN_AUTHOR}${stop.reason === undefined ? "" : ` ("${stop.reason}")`}`;
    changes.push({ what: "stop", before: who, after: "released" });
  } else if (state.stop.kind === "invalid") {
    changes.push({ what: "stop", before: `unreadable: ${state.stop.problem}`, after: "released" });
  }
  if (orphan !== null) {
    const what = `not stored, but still in force at a location or in config (set at ${isoSeconds(orphan.at ?? "an unknown time")})`;
    changes.push({ what: "stop", before: what, after: "released" });
  }
  return changes;
}
