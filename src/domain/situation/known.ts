/** All that may be known when somebody asks how things are, and what is made of it. */
import type { TakenRung } from "../ladder/shown.ts";
import type { Assessment } from "../policy/finding.ts";
import type { Verdict } from "../policy/verdict.ts";
import type { RampDocument } from "../ramp/document.ts";
import type { Carrier } from "../state/carriers.ts";
import type { ParsedState } from "../state/state.ts";

export type Ping = { kind: "answers" } | { kind: "fails"; problem: string } | { kind: "unknown" };

/** One `/qa`. */
export interface LookedAt {
  place: string;
  /** Null: it does not say. */
  emergency: boolean | null;
  /** Whether it shows what is stored; null: not known. */
  current: boolean | null;
  native: Ping;
  proxy: Ping;
  /** Who asks for the emergency there; absent: not shown. */
  stops?: readonly ShownStop[];
  /** Whether the beacon answers there; absent: there is none, or not known. */
  beacon?: "answers" | "silent";
}

/** An emergency in force at a location, as its `/qa` names it; holds foreign text. */
export interface ShownStop {
  id: string | null;
  at: string | null;
  by: string | null;
  reason: string | null;
  carriers: readonly Carrier[];
}

export interface Figures {
  assessment: Assessment;
  /** No figure is worse than what `restore` wants. */
  normal: boolean;
}

export interface Known {
  nowMs: number;
  /** As it is stored; null: it could not be read. */
  state: ParsedState | null;
  /** Why it could not be read, where that has been said already. */
  because?: string;
  /** Rungs of the ladder that are taken, beyond a plain stop. */
  rungs?: readonly TakenRung[];
  /** Each `/qa` that was asked; none: none was. */
  looks: readonly LookedAt[];
  /** What the policy judges; a text: why there are none. */
  figures: Figures | string;
  /** Under way, by its own word. */
  ramp: RampDocument | null;
  /** This machine knows that its process is gone. */
  rampDied?: boolean;
  /** Of the achieved share. */
  share: Verdict;
  /** Locations that, by the metrics, decide by an older state. */
  behind: readonly string[];
  /** What in KV cannot be read, or not be believed. */
  odd: readonly string[];
  /** What else could not be read, and why. */
  unread: readonly string[];
  /** Whether the metrics can be asked which locations lag. */
  hasMetrics: boolean;
  /** Of the legacy origin's team. */
  onCall: string | null;
}

/** Where only the stored state and the figures are asked for. */
export const NOT_ASKED = {
  looks: [],
  ramp: null,
  share: "no_data",
  behind: [],
  odd: [],
  unread: [],
} as const satisfies Partial<Known>;

/** The one thing to do next. */
export type Next =
  | {
      kind: "command";
      /** After `pixcanary`: "verify --fleet". */
      words: string;
      /** For `--reason`, not quoted yet; "": one must be given. */
      reason?: string;
      /** For people, behind the command. */
      note?: string;
    }
  /** No command helps: whom to call, and what to say. */
  | { kind: "notify"; text: string };

export type Mark = "✔" | "✖" | "!" | "?" | " ";

/** Worst first. `past`: measured before a stop, and over. */
export const CONCERNS = [
  "emergency",
  "critical",
  "early",
  "failing",
  "proxy",
  "cap",
  "odd",
  "open",
  "unsettled",
  "unread",
  "past",
] as const;

export interface Concern {
  kind: (typeof CONCERNS)[number];
  mark: Mark;
  /** One line; holds foreign text. */
  text: string;
  next: Next | null;
  /** Of what is not known: its name, and why. */
  blind?: { what: string; why: string };
}

export interface Situation {
  level: "normal" | "wrong" | "unknown" | "stopped";
  mark: Mark;
  headline: string;
  /** All that is not well, worst first: the headline is the first one. */
  concerns: readonly Concern[];
  next: Next;
}
