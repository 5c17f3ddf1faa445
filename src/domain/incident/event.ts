/** What an entry of the journal says of an incident, beside being tied to it. Kept small: a stop loads it, too. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";

export type IncidentSeverity = "critical" | "warning";

/**
 * `notified`: a notification went out. Optional in an entry, and of no kind that this version does not know:
 * an entry of another version must stay readable.
 */
export const eventSchema = once(() =>
  z
    .object({
      kind: z.enum(["opened", "noted", "notified", "closed"]),
      /** Of `opened`. */
      severity: z.enum(["critical", "warning"]).nullable().default(null),
      /** The title of `opened`, what `noted` and `notified` say. */
      text: z.string().max(2_000).default(""),
      /** RFC 3339: when it happened, where that is not when it was written: began, was seen, was over. */
      when: z.string().max(64).nullable().default(null),
    })
    .optional()
    .catch(undefined),
);

export type IncidentEvent = NonNullable<ReturnType<ReturnType<typeof eventSchema>["parse"]>>;

/** A ticket's number, or one of ours: it stands in markers, commands and messages, and must be no markup. */
const ID = /^[A-Za-z0-9]+(?:[._#-][A-Za-z0-9]+)*$/;
const MAX_ID_CHARS = 64;

export function isIncidentId(text: string): boolean {
  return text.length <= MAX_ID_CHARS && ID.test(text);
}

interface Tied {
  at: string;
  incident: string | null;
  event?: IncidentEvent | undefined;
}

/** The id of the incident that was opened last and is open; of entries in order of time. Null: none is. */
export function openIncidentIn(entries: readonly Tied[]): string | null {
  return openIncidentsIn(entries).at(-1) ?? null;
}

/** In the order of `entries`. Where the clock of who opened one was ahead, it was closed before. */
export function openIncidentsIn(entries: readonly Tied[]): string[] {
  const idsOf = (kind: IncidentEvent["kind"]) =>
    entries.flatMap(({ incident, event }) => (event?.kind === kind ? (incident ?? []) : []));
  const closed = new Set(idsOf("closed"));
  return idsOf("opened").filter((id) => isIncidentId(id) && !closed.has(id));
}
