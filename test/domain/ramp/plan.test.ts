import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDuration, shortDuration } from "../../../src/domain/lib/duration.ts";
import { parsePlan } from "../../../src/domain/ramp/plan.ts";

describe("a ramp's plan", () => {
  it("is steps with the time that each is held", () => {
    expect(parsePlan("5:2h, 10:24h,25:90m,50:3d,100")).toEqual({
      kind: "plan",
      steps: [
        { percent: 5, holdS: 7_200 },
        { percent: 10, holdS: 86_400 },
        { percent: 25, holdS: 5_400 },
        { percent: 50, holdS: 259_200 },
        { percent: 100, holdS: null },
      ],
    });
  });

  it("may hold its last step, too, and have one step only", () => {
    expect(parsePlan("0.05:1s")).toEqual({ kind: "plan", steps: [{ percent: 0.05, holdS: 1 }] });
    expect(parsePlan("100")).toEqual({ kind: "plan", steps: [{ percent: 100, holdS: null }] });
  });

  it.each([
    ["", /not a step/],
    ["5:2h,,10", /not a step/],
    ["5", null],
    ["5,10", /5 % needs a hold time/],
    ["5:2", /not a time/],
    ["5:0s", /not a time/],
    ["5:61d,10", /not a time/],
    ["10:1h,10:1h", /does not rise/],
    ["25:1h,10", /does not rise/],
    ["0:1h,5", /not a share above 0/],
    ["101", /not a share/],
    ["5.123:1h,6", /not a step/],
    ["-5:1h", /not a step/],
    ["5:1h:2h", /not a time/],
    [Array.from({ length: 51 }, (_, i) => `${i + 1}:1s`).join(","), /more than 50/],
  ])("%s", (text, problem) => {
    const parsed = parsePlan(text);
    if (problem === null) expect(parsed.kind).toBe("plan");
    else expect(parsed).toMatchObject({ kind: "invalid", problem: expect.stringMatching(problem) });
  });

  it("reads back what it writes", () => {
    const steps = fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), {
      minLength: 1,
      maxLength: 50,
    });
    const holds = fc.array(fc.integer({ min: 1, max: 60 * 86_400 }), {
      minLength: 50,
      maxLength: 50,
    });
    fc.assert(
      fc.property(steps, holds, (hundredths, times) => {
        const plan = hundredths
          .toSorted((a, b) => a - b)
          .map((h, i) => ({ percent: h / 100, holdS: times[i] ?? 1 }));
        expect(
          parsePlan(
            plan.map(({ percent, holdS }) => `${percent}:${shortDuration(holdS)}`).join(","),
          ),
        ).toEqual({ kind: "plan", steps: plan });
      }),
    );
  });

  it("knows times as people write them", () => {
    expect([parseDuration("90s"), parseDuration("15m"), parseDuration("1d")]).toEqual([
      90, 900, 86_400,
    ]);
    expect([parseDuration("0s"), parseDuration("2"), parseDuration("1w")]).toEqual([
      null,
      null,
      null,
    ]);
    expect([shortDuration(7_200), shortDuration(5_400), shortDuration(86_400)]).toEqual([
      "2h",
      "90m",
      "1d",
    ]);
  });
});
