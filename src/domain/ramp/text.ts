/** A ramp in a few words, and what people are told of its end. */
import { shortDuration } from "../lib/duration.ts";
import type { Notice } from "../notices/notice.ts";
import { noticeKey } from "../notices/notice.ts";
import { roughDuration } from "../text/format.ts";
import type { RampDocument } from "./document.ts";
import { silenceText } from "./life.ts";

/** "10 %", or the share before the ramp. */
export function shareOf(ramp: RampDocument): string {
  return `${ramp.plan[ramp.step]?.percent ?? ramp.base.percent} %`;
}

export function stepText({ step, plan }: RampDocument): string {
  return step < 0 ? "before its first step" : `step ${step + 1} of ${plan.length}`;
}

/** A ramp that failed or stands still wants somebody; one that somebody ended does not. */
export function rampNotice(ramp: RampDocument, env: string, nowMs: number): Notice {
  const why = ramp.ended?.why ?? ramp.paused?.why ?? "";
  const who =
    ramp.ended !== null
      ? [`ended by ${ramp.ended.by}`]
      : ramp.paused !== null
        ? [`paused by ${ramp.paused.by}`]
        : [];
  const kinds = {
    failed: "trigger",
    paused: "trigger",
    conflict: "event",
    running: "event",
  } as const;
  const kind = ramp.state === "done" || ramp.state === "aborted" ? "resolve" : kinds[ramp.state];
  return {
    kind,
    key: noticeKey(env, "ramp"),
    env,
    severity: kind === "trigger" ? "warning" : "info",
    title: `ramp ${ramp.state} at ${shareOf(ramp)}: ${why}`.slice(0, 300),
    details: [`${stepText(ramp)}, started by ${ramp.by} on ${ramp.host}`, ...who],
    next: `pixcanary ramp status --env ${env}`,
    at: new Date(nowMs).toISOString(),
    source: ramp.host,
  };
}

export function nowText(ramp: RampDocument, nowMs: number, died = false): string {
  const silence = silenceText(ramp, nowMs, died);
  if (silence !== null && ramp.paused === null) return silence;
  const text = happeningText(ramp, nowMs);
  return silence === null ? text : `${text}; ${silence}`;
}

function happeningText(ramp: RampDocument, nowMs: number): string {
  if (ramp.paused !== null) {
    const left =
      ramp.paused.left_s === null ? "" : `, ${shortDuration(ramp.paused.left_s || 1)} left`;
    return `paused by ${ramp.paused.by}: ${ramp.paused.why}${left}`;
  }
  if (ramp.relief !== null) return `${ramp.relief.action}: ${ramp.relief.why}`;
  if (ramp.step < 0) return "about to write the first step";
  if (ramp.phase === "settle") return `waiting until ${shareOf(ramp)} is live everywhere`;
  const untilMs = Date.parse(ramp.hold_until ?? "");
  const next = ramp.plan[ramp.step + 1];
  const then = next === undefined ? "then done" : `then ${next.percent} %`;
  const longer = ramp.extended ? " (extended: not enough data)" : "";
  if (untilMs <= nowMs) return `the hold is over${longer}, ${then}`;
  return `holding for another ${roughDuration((untilMs - nowMs) / 1_000)}${longer}, ${then}`;
}
