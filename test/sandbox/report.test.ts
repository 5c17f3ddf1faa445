/** How upload flows are counted: what moved must not pass for what drifted, nor the reverse. */
import { describe, expect, test } from "vitest";
import type { Cohort } from "../../src/domain/decision/decide.ts";
import { type Answer, type FlowTrace, Tally } from "../../src/sandbox/traffic/report.ts";

function answer(cohort: Cohort, status: number, fellBack = false): Answer {
  return { decision: { tag: "B2a", cohort, reason: "cookie" }, fellBack, status, elapsedMs: 5 };
}

function flow(ok: boolean, ...answers: Answer[]): FlowTrace {
  const names = ["intent", "upload", "finalize"];
  return {
    ok,
    abandoned: false,
    steps: answers.map((a, i) => ({ name: names[i] ?? "", answer: a })),
  };
}

function count(trace: FlowTrace) {
  const tally = new Tally();
  tally.flowEnded(trace);
  const { completed, drifts, moved, fellBack, failed } = tally.report(false, null).flows;
  return { completed, drifts, moved, fellBack, failed };
}

const NOTHING = {
  completed: 0,
  drifts: 0,
  moved: { ok: 0, broken: 0 },
  fellBack: { ok: 0, broken: 0 },
  failed: {},
};

describe("flows", () => {
  const [made, stored, lost] = [
    answer("native", 201),
    answer("native", 204),
    answer("native", 404),
  ];

  test("one that stayed and went through", () => {
    expect(count(flow(true, made, stored, made))).toEqual({ ...NOTHING, completed: 1 });
  });

  test("one that stayed and lost its intent is a drift", () => {
    expect(count(flow(false, made, stored, lost))).toEqual({ ...NOTHING, drifts: 1 });
    expect(count(flow(false, made, answer("native", 403)))).toEqual({ ...NOTHING, drifts: 1 });
  });

  test("one whose cohort changed is moved, broken or not", () => {
    const moved = count(flow(false, made, stored, answer("proxy", 404)));
    expect(moved).toEqual({ ...NOTHING, moved: { ok: 0, broken: 1 } });
    const kept = count(flow(true, made, stored, answer("proxy", 201)));
    expect(kept).toEqual({ ...NOTHING, completed: 1, moved: { ok: 1, broken: 0 } });
  });

  test("one that native dropped on the way is no drift", () => {
    const trace = flow(false, answer("native", 201, true), answer("native", 403));
    expect(count(trace)).toEqual({ ...NOTHING, fellBack: { ok: 0, broken: 1 } });
  });

  test("one that was left on purpose is neither completed nor broken", () => {
    expect(count({ ...flow(false, made), abandoned: true })).toEqual(NOTHING);
  });

  test("intents and finalizes are counted to whoever did them", () => {
    const tally = new Tally();
    tally.flowEnded(flow(true, made, stored, made));
    tally.flowEnded({ ...flow(false, made), abandoned: true });
    tally.flowEnded(flow(false, answer("native", 201, true), answer("native", 403)));
    tally.flowEnded(flow(false, made, stored, lost));
    expect(tally.report(false, null).flows).toMatchObject({
      abandoned: 1,
      done: { intents: { native: 3, proxy: 1 }, finalizes: { native: 1, proxy: 0 } },
    });
  });

  test("server errors and lost connections are named by step", () => {
    expect(count(flow(false, made, answer("native", 502)))).toMatchObject({
      failed: { "upload 502": 1 },
    });
    expect(count(flow(false, answer("native", 0)))).toMatchObject({ failed: { "intent 0": 1 } });
  });
});
