/** When an achieved share contradicts the configured one: neither chance nor sampling may do it. */
import { describe, expect, it } from "vitest";
import { shareOfCohorts } from "../../../src/domain/metrics/queries.ts";
import {
  achievedShare,
  shareQuestion,
  unknownShare,
} from "../../../src/domain/proof/achieved-share.ts";
import { parseState } from "../../../src/domain/state/state.ts";

const NOW_S = 1_763_000_000;
const WINDOW = { fromS: NOW_S - 600, toS: NOW_S };

function stored(percent: number, more: object = {}, stop: object | null = null) {
  const config = {
    canary_percent: percent,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated: new Date((NOW_S - 600) * 1_000).toISOString(),
    revision: "01JCQ0000000000000000000AA",
    ...more,
  };
  const text = stop === null ? null : JSON.stringify(stop);
  return parseState({ config: JSON.stringify(config), stop: text });
}

/** `every`: of so many points one was kept, which stands for all of them. */
function rows(native: number, proxy: number, every = 1) {
  const of = (cohort: "native" | "proxy", sampled: number) => ({
    cohort,
    sampled,
    squares: sampled * every,
    requests: sampled * 3,
  });
  return [of("native", native), of("proxy", proxy)];
}

const verdict = (percent: number, native: number, proxy: number, every = 1) =>
  achievedShare(rows(native, proxy, every), stored(percent), WINDOW).verdict;

describe("the verdict", () => {
  it.each([
    [10, 1_000, 9_000, "pass"],
    // 4 σ of 10,000 draws at 10 % are 1.2 points.
    [10, 1_119, 8_881, "pass"],
    [10, 1_121, 8_879, "fail"],
    [10, 881, 9_119, "pass"],
    [10, 879, 9_121, "fail"],
    // 10 % of 89 are too few for the normal distribution.
    [10, 9, 80, "inconclusive"],
    [10, 9, 81, "pass"],
    [50, 20, 0, "fail"],
    [1, 3, 37, "inconclusive"],
    [1, 40, 0, "fail"],
    [0, 0, 29, "inconclusive"],
    [0, 0, 30, "pass"],
    [0, 1, 10_000, "fail"],
    [100, 30, 0, "pass"],
    [100, 30, 1, "fail"],
    [10, 0, 0, "no_data"],
  ])("at %d %%, %d native and %d proxy: %s", (percent, native, proxy, expected) => {
    expect(verdict(percent, native, proxy)).toBe(expected);
  });

  it("knows that sampled points say less", () => {
    expect(verdict(10, 1_500, 8_500)).toBe("fail");
    expect(verdict(10, 1_500, 8_500, 20)).toBe("pass");
    expect(verdict(10, 3_000, 7_000, 20)).toBe("fail");
    expect(verdict(10, 20, 180, 20)).toBe("inconclusive");
    expect(verdict(0, 0, 60, 20)).toBe("inconclusive");
  });

  it("holds with chance and sampling as they are", fairDraws);
});

/** 1 of 16,000 looks at most, so 600 must hold; repeatable by its seed. */
function fairDraws(): void {
  const seed = Number(process.env.SEED ?? 20_251_115);
  let state = seed;
  const draw = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  for (let run = 0; run < 600; run += 1) {
    const percent = 1 + Math.floor(draw() * 99);
    const every = [1, 4, 16][Math.floor(draw() * 3)] ?? 1;
    const kept = { native: 0, proxy: 0 };
    for (let n = 0; n < 1_500; n += 1) {
      const cohort = draw() * 100 < percent ? "native" : "proxy";
      if (draw() * every < 1) kept[cohort] += every;
    }
    const said = verdict(percent, kept.native, kept.proxy, every);
    expect(said, `seed ${seed}, run ${run}: ${JSON.stringify({ percent, every, kept })}`).not.toBe(
      "fail",
    );
  }
}

describe("what is not known", () => {
  it("is no data, and says why", () => {
    const stop = { active: true };
    expect(achievedShare(rows(5, 5), stored(10, {}, stop), WINDOW)).toMatchObject({
      verdict: "no_data",
      detail: expect.stringContaining("emergency"),
    });
    expect(
      achievedShare(rows(5, 5), parseState({ config: "{", stop: null }), WINDOW),
    ).toMatchObject({ verdict: "no_data", configured: null });
    expect(unknownShare(stored(10), "HTTP 503")).toMatchObject({
      verdict: "no_data",
      configured: 10,
      achieved: null,
      detail: "HTTP 503",
    });
  });

  it("says the share of all requests all the same", () => {
    const data = achievedShare(rows(100, 900), stored(10), WINDOW);
    expect(data).toMatchObject({ achieved: 10, of_requests: 10, sampled: 1_000, requests: 3_000 });
    expect(data.tolerance).toBeCloseTo(3.79, 2);
  });
});

describe("the window", () => {
  const at = (agoS: number) => new Date((NOW_S - agoS) * 1_000).toISOString();
  it("begins with the last change, at most an hour ago, and asks for its revision alone", () => {
    const revision = "01JCQ0000000000000000000AA";
    expect(shareQuestion(stored(10, { last_updated: at(600) }), NOW_S)).toEqual({
      window: { fromS: NOW_S - 600, toS: NOW_S + 1 },
      revision,
    });
    const old = shareQuestion(stored(10, { last_updated: at(90_000) }), NOW_S);
    expect(old?.window.fromS).toBe(NOW_S + 1 - 3_600);
  });
  it.each([
    ["none", undefined],
    ["one that may not go into a query", "it's mine"],
  ])("leaves the locations time to take over a change by hand: revision %s", (_, revision) => {
    expect(shareQuestion(stored(10, { last_updated: at(600), revision }), NOW_S)).toEqual({
      window: { fromS: NOW_S - 480, toS: NOW_S + 1 },
      revision: undefined,
    });
  });
  it("is never upside down, whatever the clocks and the document say", () => {
    for (const last_updated of [at(-500), at(10), "soon", "+275760-09-13T00:00:00.001Z"]) {
      for (const revision of [undefined, "R1"]) {
        const asked = shareQuestion(stored(10, { last_updated, revision }), NOW_S);
        if (asked === null) throw new Error("not asked");
        expect(asked.window.fromS).toBeLessThanOrEqual(asked.window.toS);
        shareOfCohorts("set", asked.window, asked.revision);
      }
    }
  });
  it("is none without a readable configuration", () => {
    expect(shareQuestion(parseState({ config: null, stop: null }), NOW_S)).toBeNull();
  });
  it("lets nothing but plain text into a query", () => {
    expect(() => shareOfCohorts("set", WINDOW, "x' OR 1 = 1 --")).toThrow(RangeError);
    expect(shareOfCohorts("set", WINDOW, "R-1_a").sql).toContain("= 'R-1_a'");
  });
});
