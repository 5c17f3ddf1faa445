/** The runbook's cheat sheet for the configured environment, to print and keep near. Offline. */

import { contactParts } from "../domain/config/contacts.ts";
import type { Target } from "../domain/config/environment.ts";
import { manualWay } from "../domain/config/manual.ts";
import { dashboardAddress } from "../domain/dashboard/page.ts";
import { foldCommand } from "../domain/text/fold-command.ts";
import { widthOf, wrap } from "../domain/text/width.ts";
import type { ReadingVerb } from "./command.ts";
import { noFlags } from "./flag.ts";
import { invocation } from "./lib/format.ts";

export interface CardData {
  env: string;
  commands: { name: string; when: string; command: string }[];
  by_hand: { name: string; command: string }[];
  /** The way by hand in Cloudflare's dashboard. */
  dashboard: string[];
  /** Of ours; null: not known. */
  look: string | null;
  contacts: Target["contacts"];
}

export const card: ReadingVerb<typeof noFlags, CardData> = {
  name: "card",
  summary: "Print the cheat sheet for an environment",
  details:
    "Prints the runbook's commands for this environment, and the way by hand for each. Needs no network.",
  examples: ["pixcanary card --env production"],
  offline: true,
  timeoutMs: 5_000,
  input: noFlags,
  run: async (_input, ports) => ({
    kind: "done",
    changed: false,
    data: cardOf(ports.target),
  }),
  render: (outcome) => (outcome.kind === "done" ? text(outcome.data) : ""),
};

function cardOf(target: Target): CardData {
  const normal = target.normalPercent;
  const config = (percent: number, emergency: boolean) =>
    manualWay(target, { key: "config", percent, emergency }).put;
  const stop = manualWay(target, { key: "stop", active: true });
  return {
    env: target.env,
    commands: [
      {
        name: "NOT-AUS",
        when: "all traffic to proxy (the legacy origin), now",
        command: invocation(target, "not-aus"),
      },
      { name: "REDUCE", when: "half the share, or --to N", command: invocation(target, "reduce") },
      {
        name: "DISABLE",
        when: "no new visitors to native",
        command: invocation(target, "disable"),
      },
      {
        name: "STATUS",
        when: "what is in force, and where",
        command: invocation(target, "status"),
      },
      { name: "VERIFY", when: "wait until it is live", command: invocation(target, "verify") },
      {
        name: "VERSION",
        when: "the stop does not arrive: deploy the proxy-only version",
        command: invocation(target, "not-aus --via version"),
      },
      {
        name: "ROUTE",
        when: "nor does that: delete the Worker's route (asks)",
        command: invocation(target, "not-aus --via route"),
      },
      {
        name: "RESTORE",
        when: "back to normal",
        command: `${invocation(target, "restore")} --reason "…"`,
      },
    ],
    by_hand: [
      { name: "NOT-AUS", command: stop.put },
      { name: `REDUCE to ${normal / 2} %`, command: config(normal / 2, false) },
      { name: "DISABLE", command: config(0, false) },
      { name: `RESTORE to ${normal} %, first`, command: config(normal, false) },
      {
        name: "RESTORE, when that is live",
        command: manualWay(target, { key: "stop", active: false }).put,
      },
      { name: "VERIFY", command: stop.verify[0] ?? "" },
    ],
    dashboard: [...stop.dashboard],
    look: dashboardAddress(target.qaUrls),
    contacts: target.contacts,
  };
}

/** Of a page, and of a terminal. */
const COLUMNS = 80;
const RULE = "═".repeat(COLUMNS - 2);

function onPaper(command: string): string {
  return foldCommand(command, COLUMNS - 2).replace(/^(?!')/gm, "  ");
}

/** As many on a line as fit, each of them whole. */
function packed(parts: readonly string[]): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const joined = lines.length === 0 ? part : `${lines.at(-1)} · ${part}`;
    if (lines.length > 0 && widthOf(joined) <= COLUMNS) lines[lines.length - 1] = joined;
    else lines.push(...wrap(part, COLUMNS, "  "));
  }
  return lines;
}

function text(data: CardData): string {
  return [
    RULE,
    `  CANARY EMERGENCY CHEAT SHEET: ${data.env}`,
    RULE,
    ...data.commands.flatMap((c) => [`${c.name.padEnd(8)} ${c.when}`, onPaper(c.command)]),
    "",
    "By hand, if pixcanary does not work",
    ...data.by_hand.flatMap((c) => [c.name, onPaper(c.command)]),
    "NOT-AUS in Cloudflare's dashboard",
    ...data.dashboard.map((line) => `  ${line}`),
    ...(data.look === null ? [] : wrap(`Look: ${data.look}`, COLUMNS, "  ")),
    RULE,
    ...packed(contactParts(data.contacts)),
  ].join("\n");
}
