/** Turns the exchange of a request into its metric points and its log line. */
import type { LogLine } from "../../src/domain/logs/line.ts";
import { deviceOf, levelOf, SUCCESS_SAMPLE_RATE } from "../../src/domain/logs/line.ts";
import type { FailureCause, MetricPoint, PointKind } from "../../src/domain/metrics/point.ts";
import type { Deps } from "../deps.ts";
import type { Exchange } from "../exchange.ts";

const MAX_TEXT_CHARS = 2_000;

/** A point that is not a request, or the request's own one with status and duration. */
export function writePoint(
  deps: Deps,
  exchange: Exchange,
  kind: PointKind,
  outcome: { status?: number; durationMs?: number; cause?: FailureCause | undefined },
): void {
  const point: MetricPoint = {
    kind,
    tag: exchange.decision.tag,
    cohort: exchange.decision.cohort,
    phase: exchange.route.phase,
    reason: exchange.decision.reason,
    route: exchange.route.template,
    colo: exchange.colo,
    revision: exchange.state?.config?.revision ?? null,
    workerVersion: deps.settings.workerVersion,
    status: outcome.status ?? 0,
    durationMs: outcome.durationMs ?? 0,
    cause: outcome.cause,
  };
  deps.metrics.write(point);
}

/** One request point, once; the log line for every error and for a sample of the rest. */
export function observe(deps: Deps, exchange: Exchange, status: number): void {
  if (exchange.observed) return;
  exchange.observed = true;
  const durationMs = Math.max(0, deps.now() - exchange.startedAtMs);
  writePoint(deps, exchange, "request", { status, durationMs });
  const failed = status >= 400 || exchange.error !== null;
  if (!failed && deps.random() >= SUCCESS_SAMPLE_RATE) return;
  deps.logs.write(lineOf(exchange, { status, durationMs, failed }));
}

function lineOf(
  exchange: Exchange,
  outcome: { status: number; durationMs: number; failed: boolean },
): LogLine {
  const { request } = exchange;
  const country = request.cf?.country;
  return {
    timestamp: new Date(exchange.startedAtMs).toISOString(),
    level: exchange.error === null ? levelOf(outcome.status) : "ERROR",
    rayID: request.headers.get("cf-ray")?.split("-", 1)[0] ?? null,
    colo: exchange.colo,
    cohort: exchange.decision.cohort,
    reason: exchange.decision.reason,
    phase: exchange.route.phase,
    method: request.method,
    route: exchange.route.template,
    status: outcome.status,
    duration_ms: outcome.durationMs,
    country: typeof country === "string" ? country : null,
    device: deviceOf(request.headers.get("user-agent")),
    revision: exchange.state?.config?.revision ?? null,
    sample_rate: outcome.failed ? 1 : SUCCESS_SAMPLE_RATE,
    error_msg: exchange.error === null ? null : messageOf(exchange.error),
    context: exchange.error === null ? null : contextOf(exchange.error),
  };
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.slice(0, MAX_TEXT_CHARS);
}

function contextOf(error: unknown): { error: string; stack: string | null } {
  if (!(error instanceof Error)) return { error: "unknown", stack: null };
  const { code } = error as { code?: unknown };
  const name = typeof code === "string" ? `${error.name} (${code})` : error.name;
  return {
    error: name.slice(0, MAX_TEXT_CHARS),
    stack: error.stack?.slice(0, MAX_TEXT_CHARS) ?? null,
  };
}
