/** The one screen of `status`: 80 columns, the worst first, nothing unsafe. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { situationIn } from "../../../src/commands/lib/situation.ts";
import type { StatusData } from "../../../src/commands/status/data.ts";
import { status } from "../../../src/commands/status/status.ts";
import { evaluate } from "../../../src/domain/policy/evaluate.ts";
import { DEFAULT_POLICY } from "../../../src/domain/policy/numbers.ts";
import type { Observations } from "../../../src/domain/policy/observations.ts";
import { achievedShare } from "../../../src/domain/proof/achieved-share.ts";
import { written } from "../../../src/domain/ramp/advance.ts";
import { originText } from "../../../src/domain/situation/since.ts";
import { UNKNOWN_AUTHOR } from "../../../src/domain/state/author.ts";
import { isoSeconds } from "../../../src/domain/text/format.ts";
import { widthOf } from "../../../src/domain/text/width.ts";
import { minutes, NOW_S, seen } from "../../domain/policy/world.ts";
import { rampOf } from "../../domain/ramp/world.ts";
import { hostileText } from "../../support/hostile-text.ts";
import type { Texts } from "../watch/world.ts";
import { entryOf, NOW_MS, PLAIN, storedState, TARGET } from "../watch/world.ts";

function dataOf(
  observations: Observations,
  {
    native = 410,
    texts = PLAIN,
    current = true,
    stop = null,
    stopped = false,
    ramp = null,
  }: {
    native?: number;
    texts?: Texts;
    current?: boolean | null;
    stop?: object | null;
    /** Whether each /qa shows an emergency. */
    stopped?: boolean;
    ramp?: StatusData["ramp"];
  } = {},
): StatusData {
  const state = storedState(texts, stop);
  const of = (cohort: "native" | "proxy", sampled: number) => ({
    cohort,
    sampled,
    squares: sampled,
    requests: sampled * 9,
  });
  const rows = [of("native", native), of("proxy", 4_213 - native)];
  const view = (location: string, shown: boolean | null) => ({
    url: `https://${location}/qa`,
    location,
    status: 200,
    emergency: stopped,
    carriers: null,
    rung: null,
    percent: 10,
    revision: null,
    cohort: null,
    reason: null,
    source: "kv",
    native: "healthy",
    proxy: "healthy",
    current: shown,
    problem: null,
  });
  const assessment = evaluate(observations, DEFAULT_POLICY);
  const { verdict, recommendation, problems, findings } = assessment;
  const live = [view("AMS", current === null ? null : true), view(texts.colo, current)];
  const looks = live.map(({ location: place, current }) => {
    const answers = { kind: "answers" } as const;
    return { place, emergency: stopped, current, native: answers, proxy: answers };
  });
  const share = achievedShare(rows, state, { fromS: NOW_S - 660, toS: NOW_S });
  const figures = { assessment, normal: true };
  const asked = { nowMs: NOW_MS, state, figures, looks, share: share.verdict, ramp };
  return {
    situation: situationIn(asked, TARGET),
    emergency: stop !== null,
    config: state.config.kind === "valid" ? state.config.value : null,
    stop: null,
    capped: null,
    problems: [],
    live,
    last: entryOf(texts, "E1", 60),
    ramp,
    ramp_died: false,
    rungs: [],
    share,
    health: { verdict, recommendation, command: null, problems, findings },
    at_ms: NOW_MS,
    api_ms: null,
  };
}

const linesOf = (data: StatusData): string[] =>
  status.render({ kind: "done", changed: false, data }).split("\n");

const BAD = seen(minutes(5, { native: { errors: 50, p90: 400 } }));

describe("status", () => {
  it("says in its first line whether anything is wrong", () => {
    expect(linesOf(dataOf(seen([])))[0]).toBe("✔ healthy: no finding fails");
    expect(linesOf(dataOf(BAD))[0]).toMatch(/^✖ failing: error rate, critical 5 %/);
    const unseen = { kind: "unseen", because: "HTTP 503" } as const;
    const blind = dataOf(seen([], { health: unseen, failures: unseen, orphans: unseen }));
    expect(linesOf(blind)[0]).toBe("? no data on native's health: HTTP 503");
    const stop = { active: true, by: "anna", reason: "5xx" };
    expect(linesOf(dataOf(BAD, { stop }))[0]).toBe(
      "! EMERGENCY, live at 0 of 2 /qa, set by anna: 5xx",
    );
    expect(linesOf(dataOf(BAD, { stop, stopped: true }))[0]).toBe(
      "! EMERGENCY: all traffic is on proxy (the legacy origin), set by anna: 5xx",
    );
  });

  it("sets no good news below bad news: what passes is figures then, and a ping is a ping", () => {
    const text = linesOf(dataOf(seen([]), { current: false })).join("\n");
    expect(text).toMatch(/^! not showing the stored state: FRA\n/);
    expect(text).toContain("  figures   no finding fails\n");
    expect(text).toContain(
      "    ! FRA   10 %, ping: native answers, proxy answers, differs from the",
    );
    expect(text).not.toContain("healthy");
    const data = dataOf(seen([]));
    const sick = data.live.map((view) => ({ ...view, native: "failing" }));
    expect(linesOf({ ...data, live: sick }).join("\n")).toContain(
      "    ✖ FRA   10 %, ping: native FAILS, proxy answers\n",
    );
  });

  it("lends an unreadable stop no author, time or reason of a config that holds no emergency", () => {
    const origin = (emergency_proxy: boolean) => {
      const { config } = storedState(PLAIN);
      if (config.kind !== "valid") throw new Error("no config");
      const stop = { kind: "invalid", problem: "is no JSON", emergency: true } as const;
      const value = { ...config.value, emergency_proxy };
      return originText({ config: { kind: "valid", value }, stop }, NOW_MS);
    };
    expect(origin(false)).toBe(`, set by ${UNKNOWN_AUTHOR}`);
    expect(origin(true)).toMatch(/^ since .*, set by oncall@laptop: p90/);
  });

  it("names a share that is not achieved, and a location that is behind", () => {
    const text = linesOf(dataOf(seen([]), { native: 800, current: false })).join("\n");
    expect(text).toContain("! the achieved share differs from the configured one");
    expect(text).toContain("19 % of 4,213 new visitors (NOT as configured");
    expect(text).toContain("! not showing the stored state: FRA");
    const fine = linesOf(dataOf(seen([]))).join("\n");
    expect(fine).not.toMatch(/^!/m);
    expect(fine).toContain(
      "  achieved  9.73 % of 4,213 new visitors (as configured, within chance)",
    );
    expect(fine).toContain("  affected  9.73 % of 37,917 requests are served by native");
  });

  it("tells of a ramp under way, and of a lease that has run out", () => {
    const at = new Date(NOW_MS - 1_000).toISOString();
    const ramp = written(rampOf("5:2h,10:24h,100", { mode: "detached" }), 1, at, NOW_MS);
    const data = dataOf(seen([]), { ramp });
    const config = data.config && {
      ...data.config,
      lease: { expires_at: at, fallback_percent: 1 },
    };
    const text = linesOf({ ...data, config })
      .join("\n")
      .replace(/\n {12}/g, " ");
    expect(text).toContain(
      "  ramp      step 2 of 3, 10 %, waiting until 10 % is live everywhere (detached",
    );
    expect(text).toContain(`  lease     expired at ${isoSeconds(at)}: at most 1 % is in force`);
  });

  it("compares no location with a stored state that nobody could read", () => {
    const text = linesOf(dataOf(seen([]), { current: null })).join("\n");
    expect(text).toContain("    ? AMS   10 %, ping: native answers, proxy answers\n");
    expect(text).not.toMatch(/what is stored|✔ (?:AMS|FRA)/);
  });

  it("says how many rows could not be judged", () => {
    const none = { kind: "seen", value: { intents: 0, finalized: 0, requests: 0 } } as const;
    expect(linesOf(dataOf(seen([], { orphans: none })))[0]).toBe(
      "✔ healthy: no finding fails, no data for 1 of 10",
    );
    const few = seen(minutes(10, { native: { requests: 18, errors: 0 } }));
    expect(linesOf(dataOf(few))[0]).toMatch(
      /^\? no data on native's latency: 180 native requests in 10 min, needs 200$/,
    );
  });

  it("keeps to 80 columns, and no remote text reaches the terminal as control characters (AT-23)", () => {
    const one = hostileText(60);
    const texts = fc.record({ actor: one, reason: one, colo: one, problem: one, revision: one });
    const unsafe = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;
    fc.assert(
      fc.property(texts, (given) => {
        const lines = linesOf(dataOf(BAD, { texts: given, current: false }));
        expect(lines.filter((line) => widthOf(line) > 80 || unsafe.test(line))).toEqual([]);
      }),
    );
  });
});
