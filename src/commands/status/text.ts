/** The one screen of `status`, in 80 columns. */

import type { RampDocument } from "../../domain/ramp/document.ts";
import { nowText, shareOf, stepText } from "../../domain/ramp/text.ts";
import { passText } from "../../domain/situation/figures.ts";
import type { CanaryConfig } from "../../domain/state/documents.ts";
import { leaseEndsMs } from "../../domain/state/lease.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { isoSeconds } from "../../domain/text/format.ts";
import { wrap } from "../../domain/text/width.ts";
import { entryLine } from "../lib/journal-line.ts";
import { pingsText, situationLines } from "../lib/situation.ts";
import { achievedText, affectedText, changedText, configuredText } from "../lib/summary-text.ts";
import type { LiveView, StatusData } from "./data.ts";

const COLUMNS = 80;
const LABEL = 12;

export function statusText(data: StatusData): string {
  const lines = [
    ...situationLines(data.situation).flatMap((text) => line(text, 2)),
    ...row("share", configuredText(data.config)),
    ...row("achieved", achievedText(data.share)),
  ];
  if (data.health.verdict === "pass" && data.situation.level !== "normal") {
    lines.push(...row("figures", passText(data.health.findings)));
  }
  const affected = affectedText(data.share);
  if (affected !== null) lines.push(...row("affected", affected));
  if (data.config !== null) lines.push(...row("config", changedText(data.config, data.at_ms)));
  const lease = leaseText(data.config, data.api_ms ?? data.at_ms);
  if (lease !== null) lines.push(...row("lease", lease));
  for (const text of data.rungs) lines.push(...row("rung", text));
  if (data.ramp !== null) lines.push(...row("ramp", rampText(data.ramp, data)));
  const stored = data.stop?.active === true || data.config?.emergency_proxy === true;
  lines.push("  live", ...data.live.flatMap((view) => line(`    ${viewText(view, stored)}`, 6)));
  const last = data.last === null ? "no journal entry" : entryLine(data.last, data.at_ms);
  return [...lines, ...row("last", last)].join("\n");
}

function rampText(ramp: RampDocument, { at_ms, ramp_died }: StatusData): string {
  const now = nowText(ramp, at_ms, ramp_died);
  return `${stepText(ramp)}, ${shareOf(ramp)}, ${now} (${ramp.mode}, by ${ramp.by})`;
}

/** What the Worker falls back to by itself, or has. */
function leaseText(config: CanaryConfig | null, nowMs: number): string | null {
  const lease = config?.lease;
  if (lease === undefined) return null;
  const { fallback_percent: fallback } = lease;
  const at = isoSeconds(lease.expires_at);
  return leaseEndsMs(lease, null) <= nowMs
    ? `expired at ${at}: at most ${fallback} % is in force, whatever config says`
    : `until ${at}, then at most ${fallback} % unless it is renewed`;
}

function row(label: string, text: string): string[] {
  return line(`  ${label.padEnd(LABEL - 2)}${text}`, LABEL);
}

function line(text: string, indent: number): string[] {
  return wrap(escapeForTerminal(text), COLUMNS, " ".repeat(indent));
}

function viewText(view: LiveView, stored: boolean): string {
  const failing = view.native === "failing" || view.proxy === "failing";
  const mark = failing ? "✖" : view.current === null ? "?" : view.current ? "✔" : "!";
  const behind = view.current === false ? `, ${behindText(view, stored)}` : "";
  const hasProblem = view.problem !== null && view.current !== true && view.rung === null;
  const odd = hasProblem ? `, ${view.problem}` : behind;
  const pings = pingsText(view.native, view.proxy);
  return `${mark} ${view.location.padEnd(5)} ${stateText(view)}${pings}${odd}`;
}

/** KV takes its time while the beacon already stops: that is as it should be, where the stop is stored. */
function behindText({ emergency, carriers, rung }: LiveView, stored: boolean): string {
  if (rung !== null) return "whatever is stored";
  if (emergency !== true || carriers?.join() !== "beacon") return "differs from the stored state";
  return stored ? "KV's copy there is older" : "not in KV";
}

const BY_RUNG = { version: "proxy-only version", route: "no route to the Worker" } as const;

function stateText({ emergency, carriers, percent, reason, rung }: LiveView): string {
  if (emergency === null) return "unknown";
  if (rung !== null) return `emergency (${BY_RUNG[rung]})`;
  if (emergency)
    return carriers?.includes("beacon") ? `emergency (${carriers.join(", ")})` : "emergency";
  return percent === null ? `decides ${reason ?? "unknown"}` : `${percent} %`;
}
