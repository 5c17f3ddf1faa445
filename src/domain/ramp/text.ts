/** A ramp in a few words, and what people are told of its end. */
import type { Notice } from "../notices/notice.ts";
import { noticeKey } from "../notices/notice.ts";
import type { RampDocument } from "./document.ts";

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
  const by = ramp.ended?.by ?? ramp.paused?.by ?? ramp.by;
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
    details: [`${stepText(ramp)}, by ${ramp.by} on ${ramp.host}`, `ended by ${by}`],
    next: `pixcanary ramp status --env ${env}`,
    at: new Date(nowMs).toISOString(),
    source: ramp.host,
  };
}
