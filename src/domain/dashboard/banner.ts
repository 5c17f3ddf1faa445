/** The first thing that the page says: one word for the state in force, since when, by whom and why. */

import { rungText, type TakenRung } from "../ladder/shown.ts";
import { lastReduction } from "../policy/observations.ts";
import type { RampDocument } from "../ramp/document.ts";
import { shareOf, stepText } from "../ramp/text.ts";
import { originOf } from "../situation/since.ts";
import type { JournalEntry } from "../state/journal.ts";
import type { ParsedState } from "../state/state.ts";
import { isEmergency } from "../state/state.ts";
import type { Banner } from "./document.ts";

const UNSAID = { since: null, by: null, why: null } as const;

export interface BannerGiven {
  /** Null where it cannot be read. */
  state: ParsedState | null;
  /** Some `/qa` shows an emergency, whatever is stored. */
  shown: boolean;
  /** Those that are taken: a release alone ends none of them. */
  rungs: readonly TakenRung[];
  /** Under way. */
  ramp: RampDocument | null;
  /** In order of time; null: not known. */
  entries: readonly JournalEntry[] | null;
}

export function bannerOf({ state, shown, rungs, ramp, entries }: BannerGiven): Banner {
  if (rungs.length > 0) {
    const stop = state !== null && isEmergency(state) ? said(originOf(state)) : UNSAID;
    const names = rungs.map(rungText).join(" and ");
    const detail = `all traffic to proxy by ${names}, until restore`;
    return { word: "EMERGENCY", detail, ...stop };
  }
  if (shown && (state === null || !isEmergency(state))) {
    return {
      word: "EMERGENCY",
      detail: "all traffic to proxy, not so in the stored state",
      ...UNSAID,
    };
  }
  if (state === null) {
    return { word: "UNKNOWN", detail: "the stored state cannot be read", ...UNSAID };
  }
  if (isEmergency(state)) {
    return { word: "EMERGENCY", detail: "all traffic to proxy", ...said(originOf(state)) };
  }
  if (state.config.kind !== "valid") {
    const why = state.config.kind === "absent" ? "config does not exist" : state.config.problem;
    return { word: "UNKNOWN", detail: why, ...UNSAID };
  }
  const { canary_percent: percent, ...config } = state.config.value;
  const { last_updated: at, updated_by: by, reason } = config;
  const detail = `${percent} % of new visitors to native`;
  const author = said({ at, by, reason });
  if (ramp !== null) return { word: "RAMP", detail: rampText(ramp), ...author };
  if (state.capped !== undefined) {
    const capped = `${detail}: capped by the guardian, config says ${state.capped.asked} %`;
    return {
      word: percent === 0 ? "DISABLED" : "REDUCED",
      detail: capped,
      ...said(state.capped.cap),
    };
  }
  if (percent === 0) {
    const cookies = "no new visitor to native; those with a native cookie stay";
    return { word: "DISABLED", detail: cookies, ...author };
  }
  const reduced = entries !== null && lastReduction(entries) !== null;
  return { word: reduced ? "REDUCED" : "NORMAL", detail, ...author };
}

function rampText(ramp: RampDocument): string {
  const paused = ramp.paused === null ? "" : ", paused";
  return `${stepText(ramp)}, ${shareOf(ramp)} of new visitors to native${paused}`;
}

interface Said {
  at?: string | undefined;
  by?: string | undefined;
  reason?: string | undefined;
}

/** A time that is none is not known. */
function said({ at, by, reason }: Said): Pick<Banner, "since" | "by" | "why"> {
  const ms = Date.parse(at ?? "");
  return {
    since: Number.isNaN(ms) ? null : new Date(ms).toISOString(),
    by: by ?? null,
    why: reason === undefined || reason === "" ? null : reason,
  };
}
