/** What a step of a ramp writes: the same bytes but for the time, whoever writes it. */

import type { CanaryConfig } from "../state/documents.ts";
import { nextConfig } from "../state/transitions.ts";
import type { RampDocument } from "./document.ts";
import type { RampShare } from "./share.ts";

/**
 * Of a process. `before` is what is stored, `apiMs` the time by the API, as far as it is known.
 * Throws a RangeError for a step that the plan does not have.
 */
export function rampConfig(
  ramp: RampDocument,
  step: number,
  before: CanaryConfig | null,
  { nowMs, apiMs }: { nowMs: number; apiMs: number },
): CanaryConfig {
  const { percent, revision, reason } = planned(ramp, step);
  const config = nextConfig(
    before,
    { percent, emergency: false, tag: ramp.base.tag },
    { actor: ramp.by, reason, nowMs, id: revision },
  );
  if (ramp.lease_s === null) return config;
  const expires_at = new Date(apiMs + ramp.lease_s * 1_000).toISOString();
  const lease = { expires_at, fallback_percent: ramp.base.percent, duration_s: ramp.lease_s };
  return { ...config, lease };
}

/**
 * Of the cron, which never writes `config`. `base` is what is stored there. Throws a RangeError for a step
 * that the plan does not have.
 */
export function rampShare(
  ramp: RampDocument,
  step: number,
  base: CanaryConfig,
  tickMs: number,
): RampShare {
  const { percent, revision, reason } = planned(ramp, step);
  const at = new Date(tickMs).toISOString();
  const since = Date.parse(ramp.started_at) < tickMs ? ramp.started_at : at;
  return { schema: 1, ramp: ramp.id, base, percent, revision, at, since, by: ramp.by, reason };
}

function planned(ramp: RampDocument, step: number) {
  const found = ramp.plan[step];
  if (found === undefined) throw new RangeError(`the ramp has no step ${step}`);
  const why = ramp.reason === null ? "" : `: ${ramp.reason}`;
  const reason = `ramp step ${step + 1}/${ramp.plan.length}${why}`.slice(0, 500);
  return { ...found, reason };
}

/** For a ramp that is done: what it reached stays, whether anybody looks or not. */
export function withoutLease(config: CanaryConfig, nowMs: number): CanaryConfig {
  const { lease: _, ...rest } = config;
  const later = Math.max(nowMs, Date.parse(config.last_updated) + 1);
  return { ...rest, last_updated: new Date(later).toISOString() };
}
