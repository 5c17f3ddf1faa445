/** Builds the `/qa` document of src/domain/proof/qa-document.ts. */

import type { Decision } from "../../src/domain/decision/decide.ts";
import type { GuardianCap } from "../../src/domain/guardian/cap.ts";
import type { GuardianMode } from "../../src/domain/guardian/document.ts";
import type { QaDocument } from "../../src/domain/proof/qa-document.ts";
import { markedName, type OperatorKey } from "../../src/domain/signed-stop/operators.ts";
import { CARRIERS } from "../../src/domain/state/carriers.ts";
import type { EffectiveState } from "../../src/domain/state/isolate-memory.ts";
import type { BeaconSight } from "../state-reader.ts";

export interface QaFacts {
  nowMs: number;
  colo: string | null;
  workerVersion: string | null;
  decision: Decision;
  /** Null when not even the memory could be asked. */
  state: EffectiveState | null;
  /** Null: there is none. */
  beacon: BeaconSight | null;
  health: QaDocument["health"];
  metrics24h: QaDocument["metrics_24h"];
  cookieKeyIds: readonly string[];
  guardian: GuardianMode;
  /** Null: not for who asks. */
  operators: readonly OperatorKey[] | null;
  /** Null: not for who asks. */
  environment: string | null;
  proxyOnly: boolean;
}

export function qaDocument(facts: QaFacts): QaDocument {
  const { state, decision } = facts;
  const document: QaDocument = {
    endpoint: "worker /qa",
    schema: 1,
    timestamp: new Date(facts.nowMs).toISOString(),
    colo: facts.colo,
    worker_version: facts.workerVersion,
    canary: canaryOf(state, decision),
    ...(facts.beacon === null ? {} : { beacon: beaconOf(facts.beacon) }),
    emergencies: state === null ? [] : emergenciesOf(state),
    stop: {
      active: (state?.stop ?? null) !== null,
      id: state?.stop?.id ?? null,
      at: state?.stop?.at ?? null,
      by: state?.stop?.by ?? null,
      reason: state?.stop?.reason ?? null,
    },
    health: facts.health,
    cookie_key_ids: [...facts.cookieKeyIds],
    guardian: facts.guardian,
  };
  if (facts.operators !== null) document.operators = facts.operators.map(markedName);
  if (facts.environment !== null) document.environment = facts.environment;
  if (facts.proxyOnly) document.proxy_only = true;
  if (facts.metrics24h !== undefined) document.metrics_24h = facts.metrics24h;
  return document;
}

function beaconOf({ ageMs, releaseId, ...beacon }: BeaconSight): NonNullable<QaDocument["beacon"]> {
  return { age_ms: ageMs, release_id: releaseId, ...beacon };
}

function emergenciesOf({ inForce, carried }: EffectiveState): QaDocument["emergencies"] {
  return inForce.map(({ key, mark, id, at, by, reason }) => ({
    key,
    mark,
    id: id ?? null,
    at: at ?? null,
    by: by ?? null,
    reason: reason ?? null,
    carriers: CARRIERS.filter((carrier) => carried[carrier].some((one) => one.mark === mark)),
  }));
}

function canaryOf(state: EffectiveState | null, decision: Decision): QaDocument["canary"] {
  const config = state?.config ?? null;
  const emergency = state?.emergency ?? false;
  const lease = config?.lease;
  const run_out = state?.leaseRunOut ?? false;
  return {
    ...(lease === undefined ? {} : { lease: { ...lease, run_out } }),
    sampling_active: !emergency && (config?.canary_percent ?? 0) > 0,
    percent: config?.canary_percent ?? null,
    ...(state === null || state.cap === null ? {} : { cap: shownCap(state.cap) }),
    tag: config?.canary_tag ?? null,
    cohort: decision.cohort,
    decision_reason: decision.reason,
    emergency_proxy: emergency,
    revision: config?.revision ?? null,
    last_updated: config?.last_updated ?? null,
    source: state?.source ?? "none",
    age_ms: state?.ageMs ?? null,
  };
}

function shownCap({ id, at, by, reason, percent }: GuardianCap): QaDocument["canary"]["cap"] {
  return { id, at, by, reason, percent };
}
