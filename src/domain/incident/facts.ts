/** All that a report is made of. What could not be asked says why, and is never taken for nothing. */
import type { GroupReport } from "../logs/analysis.ts";
import type { JournalEntry } from "../state/journal.ts";
import type { Impact } from "./impact.ts";
import type { Incident } from "./incident.ts";
import type { TimelineLine } from "./timeline.ts";

export type ErrorFacts =
  | {
      kind: "known";
      /** Of the lines that were grouped; milliseconds since the epoch. */
      fromMs: number;
      toMs: number;
      groups: GroupReport[];
      /** Lines of groups that are not listed. */
      others: number;
      /** Why there may be more errors than were found. */
      doubts: string[];
      likely: string[];
    }
  | { kind: "unknown"; because: string };

export interface ChartFact {
  title: string;
  /** Beside the report; null when there is none. */
  file: string | null;
  /** Why there is none; null when there is one. */
  because: string | null;
}

export interface IncidentFacts {
  incident: Incident;
  environment: string;
  tag: string;
  /** When it was over; milliseconds since the epoch. */
  endMs: number;
  timeline: TimelineLine[];
  /** Of `changesIn`. */
  changes: JournalEntry[];
  /** Why the journal may hold more; null when it was read completely. */
  journalGap: string | null;
  /** Why the policy could not be judged over that time; null when it was. */
  policyGap: string | null;
  impact: Impact;
  errors: ErrorFacts;
  charts: ChartFact[];
}
