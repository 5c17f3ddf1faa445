/** The config that a step of a ramp writes: the same bytes but for the time, whoever writes it. */
import type { RampDocument } from "./ramp-document.ts";
import type { CanaryConfig } from "./state.ts";
import { nextConfig } from "./transition.ts";

/** `before` is what is stored. Throws a RangeError for a step that the plan does not have. */
export function rampConfig(
  ramp: RampDocument,
  step: number,
  before: CanaryConfig | null,
  nowMs: number,
): CanaryConfig {
  const planned = ramp.plan[step];
  if (planned === undefined) throw new RangeError(`the ramp has no step ${step}`);
  const why = ramp.reason === null ? "" : `: ${ramp.reason}`;
  const config = nextConfig(
    before,
    { percent: planned.percent, emergency: false, tag: ramp.base.tag },
    {
      actor: ramp.by,
      reason: `ramp step ${step + 1}/${ramp.plan.length}${why}`,
      nowMs,
      id: planned.revision,
    },
  );
  if (ramp.lease_s === null) return config;
  const expires_at = new Date(nowMs + ramp.lease_s * 1_000).toISOString();
  return { ...config, lease: { expires_at, fallback_percent: ramp.base.percent } };
}

/** For a ramp that is done: what it reached stays, whether anybody looks or not. */
export function withoutLease(config: CanaryConfig, nowMs: number): CanaryConfig {
  const { lease: _, ...rest } = config;
  const later = Math.max(nowMs, Date.parse(config.last_updated) + 1);
  return { ...rest, last_updated: new Date(later).toISOString() };
}
