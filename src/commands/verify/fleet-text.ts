/** The receipt of `verify --fleet`, to be pasted into the incident as it is. */

import { coloName } from "../../domain/proof/colo-name.ts";
import type { FleetLocation } from "../../domain/proof/fleet.ts";
import { QUIET_S } from "../../domain/proof/fleet.ts";
import { UNKNOWN_AUTHOR } from "../../domain/state/author.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { counted, countText, isoSeconds } from "../../domain/text/format.ts";
import type { FleetReceipt } from "../lib/fleet.ts";

export function fleetLines(receipt: FleetReceipt): string[] {
  const { locations, problem, holds_until: until } = receipt;
  const lines = [
    `  fleet     receipt made ${clock(receipt.made_at)}`,
    `  change    ${change(receipt)}`,
  ];
  if (until === null) {
    const why = problem ?? "they did not answer within the time limit";
    return [...lines, `  ! no metrics: ${why}; which locations lag is not known`].map(
      escapeForTerminal,
    );
  }
  const visited = locations.filter(({ state }) => state !== "silent");
  lines.push(`  seen      requests until ${clock(until)}; metrics arrive late`);
  if (visited.length > 0) lines.push(...table(visited));
  lines.push(`  spread    ${spread(receipt)}`);
  lines.push(...unknowns(receipt), ...remarks(receipt, visited));
  return lines.map(escapeForTerminal);
}

function change({ change: c }: FleetReceipt): string {
  const what = c.emergency ? "emergency on" : `${c.percent ?? "?"} % to native`;
  const why = c.reason === null ? "" : `: ${c.reason}`;
  return `${what}, ${clock(c.at)} by ${c.by ?? UNKNOWN_AUTHOR}, revision ${c.revision ?? "none"}${why}`;
}

const HEAD = ["location", "state", "propagation", "requests", "old decisions"] as const;

function table(visited: readonly FleetLocation[]): string[] {
  const rows = [HEAD, ...visited.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    const padded = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return `    ${padded.join("  ").trimEnd()}`;
  });
}

function cells(location: FleetLocation): readonly string[] {
  const { state, propagation_s: s, requests, old_requests: old, last_old_s: last } = location;
  const time =
    s === null ? "not known" : state === "current" ? within(s) : `over ${Math.max(0, s - 1)} s`;
  const otherwise =
    last === null
      ? "none"
      : `${countText(old)}, last ${isoSeconds(last * 1_000)} by ${by(location)}`;
  return [coloName(location.colo), state, time, countText(requests), otherwise];
}

/** Timestamps are whole seconds: less than one cannot be told apart. */
function within(s: number): string {
  return s <= 1 ? "within 1 s" : `${s} s`;
}

function by({ old_revision: revision }: FleetLocation): string {
  return revision === null || revision === "" ? "no revision" : revision;
}

function spread({ propagation: p, locations }: FleetReceipt): string {
  const visited = locations.filter(({ state }) => state !== "silent").length;
  if (p.p50_s === null || p.p100_s === null) return "no location shows the change yet";
  const rest = p.locations === visited ? "" : ` of ${visited}; the others do not show it yet`;
  return `p50 ${within(p.p50_s)}, p100 ${within(p.p100_s)} over ${counted(p.locations, "location")}${rest}`;
}

function unknowns({ locations }: FleetReceipt): string[] {
  const silent = locations.filter(({ state }) => state === "silent");
  const named = silent.map(({ colo }) => coloName(colo)).join(", ");
  return [
    ...(silent.length === 0 ? [] : [`  not known ${named}: no request since the change`]),
    `  not known locations without visitors; sampling may miss single requests`,
  ];
}

function remarks({ change: c }: FleetReceipt, visited: readonly FleetLocation[]): string[] {
  const lines = [
    `  note      seconds by the writer's clock; current: nothing else seen for ${QUIET_S} s;`,
    "            a location with few visitors shows it only with the next one",
  ];
  if (c.revision === null && !c.emergency) {
    lines.push("  note      config has no revision: it looks the same as others without one");
  }
  for (const { colo, times_reappeared: times } of visited) {
    if (times > 0)
      lines.push(`  note      ${coloName(colo)} went back to another state ${times} ×`);
  }
  const behind = visited.filter(
    ({ new_revision: r }) => c.emergency && r !== null && r !== (c.revision ?? ""),
  );
  if (behind.length > 0) {
    const colos = behind.map(({ colo }) => coloName(colo)).join(", ");
    lines.push(`  note      ${colos}: obey the stop; their older config has no effect`);
  }
  return lines;
}

function clock(iso: string | null): string {
  return iso === null ? "at an unknown time" : isoSeconds(iso);
}
