/** The document of `validate`, for programs and for the texts. */

import type { Answer, Reason } from "../../domain/policy/go-no-go.ts";
import type { Disturbance } from "../../domain/policy/stops-in-window.ts";
import type { Coverage } from "../../domain/policy/window.ts";
import type { RuleOverWindow } from "../../domain/policy/window-rule.ts";
import type { AchievedShare } from "../../domain/proof/achieved-share.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Check } from "../lib/check.ts";
import type { SmokeReport } from "../smoke/checks.ts";
import type { WindowData } from "./format.ts";
import type { Examination } from "./reasons.ts";

export interface ValidateData {
  verdict: Answer;
  /** The most urgent first. */
  reasons: Reason[];
  environment: string;
  worker: string;
  at: string;
  actor: string;
  tool: string;
  /** As stored, in percent; null when there is no readable config. */
  share: number | null;
  tag: string | null;
  revision: string | null;
  window: WindowData;
  policy: RuleOverWindow[];
  coverage: Coverage;
  /** Of native in the window. */
  native: { requests: number; errors: number };
  achieved: AchievedShare;
  disturbances: Disturbance[];
  doctor: Check[];
  /** Null when they were left out or could not be made. */
  smoke: SmokeReport | null;
  /** For the release ticket, with --markdown. */
  markdown?: string;
}

export function dataOf(
  { parts, plan }: Examination,
  { reasons, answer }: { reasons: Reason[]; answer: Answer },
  { target, identity, clock }: Ports,
): ValidateData {
  const { base, policy, share, quiet, doctor, smoke } = parts;
  const config = "state" in base && base.state.config.kind === "valid" ? base.state.config : null;
  const iso = (seconds: number): string => new Date(seconds * 1_000).toISOString();
  return {
    verdict: answer,
    reasons,
    environment: target.env,
    worker: target.worker,
    at: new Date(clock.now()).toISOString(),
    actor: identity.actor,
    tool: identity.tool,
    share: config?.value.canary_percent ?? null,
    tag: config?.value.canary_tag ?? null,
    revision: config?.value.revision ?? null,
    window: {
      from: iso(plan.window.fromS),
      to: iso(plan.window.toS),
      buckets: plan.buckets,
      bucket_seconds: target.policy.bucketSeconds,
    },
    policy: policy.rules,
    coverage: policy.coverage,
    native: policy.native,
    achieved: share,
    disturbances: quiet.disturbances,
    doctor: doctor.checks,
    smoke,
  };
}
