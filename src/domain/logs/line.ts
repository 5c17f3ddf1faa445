/** One JSON line per request, as Logpush carries it to R2. No query strings, cookies or bodies. */
import type { Cohort, Reason } from "../decision/decide.ts";
import type { Phase } from "../metrics/point.ts";

export type Device = "mobile" | "desktop" | "bot" | "other";

/** All errors are logged, and this share of the rest. */
export const SUCCESS_SAMPLE_RATE = 0.1;

export interface LogLine {
  timestamp: string;
  level: "INFO" | "WARN" | "ERROR";
  rayID: string | null;
  colo: string | null;
  cohort: Cohort;
  reason: Reason;
  phase: Phase;
  method: string;
  route: string;
  status: number;
  duration_ms: number;
  country: string | null;
  device: Device;
  revision: string | null;
  /** 1 for errors, SUCCESS_SAMPLE_RATE for the rest: divide by it to count. */
  sample_rate: number;
  error_msg: string | null;
  context: { error: string; stack: string | null } | null;
}

export function levelOf(status: number): LogLine["level"] {
  if (status >= 500) return "ERROR";
  return status >= 400 ? "WARN" : "INFO";
}

/** Coarse on purpose: enough to see "only phones", too little to know a person. */
export function deviceOf(userAgent: string | null | undefined): Device {
  const agent = (userAgent ?? "").slice(0, 400);
  if (agent === "") return "other";
  if (/bot|crawl|spider|slurp|curl|wget|monitor/i.test(agent)) return "bot";
  if (/mobile|android|iphone|ipad/i.test(agent)) return "mobile";
  return /windows|macintosh|x11|linux/i.test(agent) ? "desktop" : "other";
}
