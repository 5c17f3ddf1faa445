/**
 * Opens an incident: an entry of the journal, in KV for other machines and here for this one. Every later change
 * is tied to it. Touches no traffic and never asks.
 */
import * as z from "zod";
import type { IncidentSeverity } from "../../domain/incident/event.ts";
import { incidentId } from "../../domain/incident/incident.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { ChangingVerb, Given, Outcome, Planned } from "../command.ts";
import { flag, oneOf, textUpTo } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import { eventNow, recordEntry } from "../lib/record-change.ts";
import { isUsableId, joinedWords, knownIncidents, momentOf, usage, whenFlag } from "./known.ts";

const MAX_TITLE = 200;

const input = z.object({
  title: flag("<title...>", "what is wrong, in a few words", z.array(textUpTo(MAX_TITLE)).max(60)),
  severity: flag(
    "--severity <severity>",
    "critical or warning (critical)",
    oneOf(["critical", "warning"]).default("critical"),
  ),
  at: whenFlag("when it began"),
});
type Input = Given<typeof input>;

export interface OpenData {
  incident: string;
  severity: IncidentSeverity;
  title: string;
  begun_at: string;
}

interface Steps extends OpenData {
  begunMs: number;
}

export const incidentOpen: ChangingVerb<typeof input, Steps, OpenData> = {
  name: "incident open",
  summary: "Open an incident: later changes are tied to it",
  details:
    "Writes an entry to the journal, in KV and on this machine. From this time on every command that changes " +
    "state names the incident in its journal entry and its notification, without --incident. With --incident " +
    "the id is yours, such as a ticket's. Changes no traffic.",
  examples: [
    'pixcanary incident open --env production "uploads fail on native"',
    'pixcanary incident open "slow uploads" --severity warning --at 20m',
    'pixcanary incident open "slow uploads" --incident TICKET-42',
  ],
  anyHost: true,
  offlineToo: true,
  timeoutMs: 20_000,
  input,
  plan,
  apply,
  render,
};

async function plan(given: Input, ports: Ports): Promise<Planned<Steps, OpenData>> {
  const refuse = (outcome: Outcome<never>) => ({ kind: "ended", outcome }) as const;
  const nowMs = ports.clock.now();
  const title = joinedWords(given.title, ports).slice(0, MAX_TITLE);
  const begunMs = momentOf(given.at, nowMs);
  const help = "pixcanary incident open --help";
  if (title === "") return refuse(usage("the title is empty", help));
  if (begunMs === null) return refuse(usage("--at is in the future", help));
  if (!isUsableId(given.incident)) {
    const message =
      "--incident must be up to 64 letters, digits, and single . _ - or # between them";
    return refuse(usage(message, help));
  }
  const { incidents } = await knownIncidents(ports);
  const open = incidents.findLast(({ closed }) => closed === null);
  if (open !== undefined) return refuse(alreadyOpen(open.id, ports));
  const id = given.incident ?? incidentId(ports.rng.ulid(nowMs));
  if (incidents.some((one) => one.id === id)) return refuse(taken(id, ports));
  const { severity } = given;
  return {
    kind: "plan",
    risk: "none",
    changes: [{ what: "incident", before: "none open", after: `${id} (${severity}): ${title}` }],
    notes: [],
    steps: { incident: id, severity, title, begun_at: isoSeconds(begunMs), begunMs },
  };
}

function alreadyOpen(id: string, { target }: Ports): Outcome<never> {
  return {
    kind: "failed",
    code: "conflict",
    message: `incident ${id} is open already`,
    truth: "changes are tied to it; no other was opened",
    next: `${invocation(target, "incident note")} "…"`,
  };
}

function taken(id: string, { target }: Ports): Outcome<never> {
  return {
    kind: "failed",
    code: "conflict",
    message: `there has been an incident ${id}, which is closed`,
    truth: "no incident was opened",
    next: invocation(target, "incident list"),
  };
}

async function apply(steps: Steps, given: Input, ports: Ports): Promise<Outcome<OpenData>> {
  const { begunMs, ...data } = steps;
  const when = given.at === undefined ? null : new Date(begunMs).toISOString();
  const event = { kind: "opened", severity: data.severity, text: data.title, when } as const;
  await recordEntry(ports, await eventNow(ports, given, data.incident, event), "none");
  const headline = `${data.incident} (${data.severity}): ${data.title}`;
  return { kind: "done", changed: true, data, headline, next: invocation(ports.target, "status") };
}

function render(outcome: Outcome<OpenData>): string {
  if (outcome.kind !== "done") return "";
  return [
    `  began     ${outcome.data.begun_at}`,
    "  journal   later changes are tied to it until incident close",
  ].join("\n");
}
