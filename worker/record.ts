/** What is learnt about one request on its way through the middleware. */
import type { Decision } from "../src/domain/decide.ts";
import type { EffectiveState } from "../src/domain/memory.ts";
import type { Route } from "../src/domain/routes.ts";
import type { Admission } from "./qa/admission.ts";

export interface RequestRecord {
  startedAtMs: number;
  url: URL;
  route: Route;
  colo: string | null;
  decision: Decision;
  /** Null until read, and when even that failed. */
  state: EffectiveState | null;
  /** Set for `/qa` only. */
  admission: Admission | null;
  /** What native, the origin or our own code threw. */
  error: unknown;
  /** Native failed and the visitor was served by proxy: shown, and counted as native's 500. */
  fellBack: boolean;
}

/** In force until, and unless, a decision can be made. */
export const NO_DECISION: Decision = {
  cohort: "proxy",
  reason: "default",
  percent: null,
  tag: null,
};
