/** Adds a line to an incident's timeline. Touches no traffic and never asks. */
import * as z from "zod";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, Given, Outcome, Planned } from "../command.ts";
import { flag, textUpTo } from "../flag.ts";
import { eventNow, recordEntry } from "../lib/record-change.ts";
import {
  isIncident,
  joinedWords,
  knownIncidents,
  meantOf,
  momentOf,
  usage,
  whenFlag,
} from "./known.ts";

const MAX_NOTE = 1_000;

const input = z.object({
  text: flag("<text...>", "what was seen, found or done", z.array(textUpTo(MAX_NOTE)).max(300)),
  at: whenFlag("when that was"),
});
type Input = Given<typeof input>;

export interface NoteData {
  incident: string;
  at: string;
  text: string;
}

export const incidentNote: ChangingVerb<typeof input, NoteData, NoteData> = {
  name: "incident note",
  summary: "Add a line to the incident's timeline",
  details:
    "Writes an entry to the journal that stands in the timeline of the report: what was seen, found or done, by " +
    "whom. For the open incident, or the one named with --incident, also when that is closed. Changes no traffic.",
  examples: [
    'pixcanary incident note --env production "database pool exhausted"',
    'pixcanary incident note "pager went off" --at 2026-05-01T00:49:00Z',
  ],
  anyHost: true,
  offlineToo: true,
  timeoutMs: 20_000,
  input,
  plan,
  apply,
  render: (outcome) =>
    outcome.kind === "done" ? `  ${outcome.data.at}  ${outcome.data.text}` : "",
};

async function plan(given: Input, ports: Ports): Promise<Planned<NoteData, NoteData>> {
  const refuse = (outcome: Outcome<never>) => ({ kind: "ended", outcome }) as const;
  const help = "pixcanary incident note --help";
  const text = joinedWords(given.text, ports).slice(0, MAX_NOTE);
  const atMs = momentOf(given.at, ports.clock.now());
  if (text === "") return refuse(usage("the note is empty", help));
  if (atMs === null) return refuse(usage("--at is in the future", help));
  const found = await incidentFor(given, ports);
  if (typeof found !== "string") return refuse(found);
  return {
    kind: "plan",
    risk: "none",
    changes: [{ what: found, before: "", after: text }],
    notes: [],
    steps: { incident: found, at: isoSeconds(atMs), text },
  };
}

/** What this machine knows is enough: a note must not wait for the API. */
async function incidentFor(given: Input, ports: Ports): Promise<string | Outcome<never>> {
  const here = given.incident === undefined ? await ports.journal.openIncident() : null;
  if (here !== null) return here;
  const known = await knownIncidents(ports);
  const found = meantOf(known, given, ports);
  if (!isIncident(found)) return found;
  if (given.incident !== undefined || found.closed === null) return found.id;
  const message = `no incident is open; the last one, ${found.id}, is closed`;
  return usage(message, `pixcanary incident note --incident ${found.id} "…"`);
}

async function apply(steps: NoteData, given: Input, ports: Ports): Promise<Outcome<NoteData>> {
  const when = given.at === undefined ? null : steps.at;
  const event = { kind: "noted", severity: null, text: steps.text, when } as const;
  await recordEntry(ports, await eventNow(ports, given, steps.incident, event), "none");
  return { kind: "done", changed: true, data: steps, headline: `noted in ${steps.incident}` };
}
