/** One request on its way through the stages, and what is learnt about it. */
import type { Decision } from "../src/domain/decision/decide.ts";
import type { EffectiveState } from "../src/domain/state/isolate-memory.ts";
import type { Bindings } from "./env.ts";
import type { Admission } from "./qa/admission.ts";
import type { Route } from "./routes.ts";

export interface Exchange {
  readonly request: Request;
  readonly env: Bindings;
  readonly context: Pick<ExecutionContext, "waitUntil">;
  readonly startedAtMs: number;
  readonly route: Route;
  readonly colo: string | null;
  decision: Decision;
  /** Null until read, and when even that failed. */
  state: EffectiveState | null;
  /** Set for `/qa` only. */
  admission: Admission | null;
  /** What native, the origin or our own code threw. */
  error: unknown;
  /** Native failed and the visitor was served by proxy: shown, and counted as native's 500. */
  fellBack: boolean;
  /** Its point and log line are written, or it is to have none. */
  observed: boolean;
}

/** In force until, and unless, a decision can be made. */
export const NO_DECISION: Decision = {
  cohort: "proxy",
  reason: "default",
  percent: null,
  tag: null,
};

const SHORTEST_AUTHORITY = "http://h".length;

/** Cut out of the runtime's normalised URL: parsing it anew for each request would cost more. */
export function pathOf(url: string): string {
  const start = url.indexOf("/", SHORTEST_AUTHORITY);
  const query = url.indexOf("?", start);
  return query === -1 ? url.slice(start) : url.slice(start, query);
}

/** Keeps a bare `?`, which a parsed URL would lose. */
export function pathAndQueryOf(url: string): string {
  return url.slice(url.indexOf("/", SHORTEST_AUTHORITY));
}
