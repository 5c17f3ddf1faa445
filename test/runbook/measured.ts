/** Metrics of the last minutes, as the Workers would have written them: healthy, or native failing. */
import type { Cohort } from "../../src/domain/decision/decide.ts";
import { type MetricPoint, toDataPoint } from "../../src/domain/metrics/point.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";

/** The hour that orphaned intents are counted in, and what the policy judges requests by. */
const MINUTES = 75;
const BUSY_MINUTES = 20;
/** Per minute, and how many requests each point stands for. */
const POINTS = { native: 120, proxy: 120 };
const STANDS_FOR = { native: 1, proxy: 9 };
/** In a hundred. */
const FAILING_PERCENT = 10;

const NATIVE_REQUEST: MetricPoint = {
  kind: "request",
  tag: "B2a",
  cohort: "native",
  phase: "b1b",
  reason: "sampled",
  status: 200,
  route: "/api/jobs",
  colo: "FRA",
  revision: null,
  workerVersion: null,
  durationMs: 0,
};

export type Condition = "healthy" | "failing";

export function isCondition(text: string): text is Condition {
  return text === "healthy" || text === "failing";
}

/** Replaces all that was measured before. */
export async function measure(sandbox: Sandbox, condition: Condition): Promise<void> {
  await sandbox.control.forgetPoints();
  const endMs = Date.now();
  for (let minute = MINUTES; minute > 0; minute -= 1) {
    const atMs = endMs - minute * 60_000;
    sandbox.control.addPoints([
      ...(minute > BUSY_MINUTES ? [] : requests(atMs, condition)),
      upload("intent", atMs),
      upload("finalize", atMs),
    ]);
  }
}

export function requests(atMs: number, condition: Condition) {
  const failing = condition === "failing" ? FAILING_PERCENT : 0;
  return [...points("native", atMs, failing), ...points("proxy", atMs, 0)];
}

/** Each intent is finalized a second later. */
function upload(kind: "intent" | "finalize", fromMs: number) {
  const ageMs = kind === "intent" ? 0 : 1_000;
  const facts = {
    ...NATIVE_REQUEST,
    kind,
    phase: "b1a",
    route: "/api/pixcapture/upload/intent",
  } as const;
  return { ...toDataPoint({ ...facts, status: 0, durationMs: ageMs }), atMs: fromMs + ageMs };
}

/** Spread over the minute, with the same durations in each; ms. */
function points(cohort: Cohort, fromMs: number, failingPercent: number) {
  const count = POINTS[cohort];
  return Array.from({ length: count }, (_, index) => {
    const failed = (index * 100) / count < failingPercent;
    const point = toDataPoint({
      ...NATIVE_REQUEST,
      cohort,
      status: failed ? 500 : 200,
      durationMs: (cohort === "native" ? 80 : 120) + (index % 20) * 4,
    });
    const atMs = fromMs + (index * 60_000) / count;
    return { ...point, atMs, sampleInterval: STANDS_FOR[cohort] };
  });
}
