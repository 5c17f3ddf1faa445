/** What people are told of a change, from its journal entry: who, why, before → after, how proved. */
import type { JournalEntry } from "../state/journal.ts";
import type { Notice } from "./notice.ts";
import { noticeKey } from "./notice.ts";

/**
 * `contacts`: one part each, for whoever is woken by it; what needs nobody does without.
 * A stop opens the topic `stop`, its release closes it; every other change is said once. `released`:
 * a stop was released although none was stored before.
 */
export function noticeOfEntry(
  env: string,
  entry: JournalEntry,
  {
    released = false,
    contacts = [],
  }: { released?: boolean | undefined; contacts?: readonly string[] } = {},
): Notice {
  const { actor, host, reason, incident, at } = entry;
  const said = wording(entry, released || entry.before?.emergency !== false);
  return {
    ...said,
    key: noticeKey(env, said.kind === "event" ? "change" : "stop"),
    env,
    details: [
      `by ${actor}`,
      ...(reason === null ? [] : [`reason: ${reason}`]),
      ...(incident === null ? [] : [`incident: ${incident}`]),
      proof(entry),
      ...(said.severity === "info" ? [] : contacts),
    ],
    next: `pixcanary status --env ${env}`,
    at,
    source: host,
  };
}

function wording(
  entry: JournalEntry,
  wasStopped: boolean,
): Pick<Notice, "kind" | "severity" | "title"> {
  const { command, before, after, verification } = entry;
  const share = `${shown(before?.percent)} → ${shown(after.percent)} of new visitors to native`;
  if (command === "not-aus") {
    const what =
      verification.outcome === "live"
        ? "all traffic is on proxy (the legacy origin)"
        : "sending all traffic to proxy (the legacy origin)";
    return { kind: "trigger", severity: "critical", title: `NOT-AUS: ${what}` };
  }
  if (command !== "restore") {
    return { kind: "event", severity: "warning", title: `${command}: ${share}` };
  }
  if (after.emergency !== false) {
    const title = "restore not finished: the stop is still in force";
    return { kind: "event", severity: "warning", title };
  }
  if (!wasStopped) return { kind: "event", severity: "info", title: `restore: ${share}` };
  // What may not have been written closes nothing.
  const kind = verification.outcome === "unknown" ? "event" : "resolve";
  return { kind, severity: "info", title: `stop released: ${share}` };
}

function shown(percent: number | null | undefined): string {
  return percent === null || percent === undefined ? "unknown" : `${percent} %`;
}

function proof({ verification: { outcome, locations } }: JournalEntry): string {
  switch (outcome) {
    case "live":
      return `seen live at ${locations.join(", ")}`;
    case "stored":
      return "stored, not yet seen live everywhere";
    case "written":
      return "written, not yet read back or seen live";
    case "interrupted":
      return "interrupted: not yet seen live everywhere";
    case "unknown":
      return "not known to be written";
    default:
      return outcome satisfies never;
  }
}
