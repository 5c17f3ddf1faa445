/** The rules of a drill: which faults, how long each stage may take, what the report says. (AT-31) */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FAULT_NAMES, FAULTS, faultsOf, faultsText } from "../../../src/domain/drill/faults.ts";
import { withLastTested } from "../../../src/domain/drill/last-tested.ts";
import { drillMarkdown } from "../../../src/domain/drill/markdown.ts";
import {
  comparedWith,
  type DrillReport,
  drillName,
  earlierNames,
  type Rehearsed,
  readDrill,
  slowerBy,
} from "../../../src/domain/drill/report.ts";
import {
  judged,
  lateText,
  NOT_MEASURED,
  STAGES,
  type StageTimes,
  TARGETS,
} from "../../../src/domain/drill/stages.ts";
import { rowOf } from "../../../src/domain/policy/rules.ts";

const TIMES: StageTimes = {
  detect: 4_000,
  decide: 500,
  written: 300,
  stored: 600,
  live: 2_500,
  effective: 3_000,
  restored: 6_000,
};

function rehearsal(more: Partial<Rehearsed> = {}, times = TIMES): Rehearsed {
  return {
    fault: "errors",
    what: "half of native's requests fail",
    stop: "manual",
    finding: "error rate, critical 48 %: over 3 % in each of 3 min",
    advice: "not-aus",
    page: { text: "sandbox: NOT-AUS", ms: 800 },
    stages: judged(times, TARGETS.manual),
    pending: null,
    notes: [],
    problem: null,
    score: null,
    earlier: null,
    ...more,
  };
}

function report(more: Partial<DrillReport> = {}): DrillReport {
  return {
    schema: 1,
    env: "sandbox",
    started_at: "2026-11-29T10:00:00.000Z",
    ended_at: "2026-11-29T10:01:30.000Z",
    by: "ada@desk",
    tool: "pixcanary 0.1.0",
    passed: true,
    failed: [],
    rehearsals: [rehearsal()],
    steps: [],
    ...more,
  };
}

describe("faults", () => {
  test("all is every one but the one that must fail, in the order of the table", () => {
    const names = faultsOf(["all"])?.map(({ name }) => name);
    expect(names).toEqual(FAULT_NAMES.filter((name) => name !== "slow-stop"));
    expect(faultsOf(["all", "slow-stop"])).toEqual([...FAULTS]);
  });

  test("are named as they are typed", () => {
    for (const typed of ["all", "errors", "errors,r2", "errors,slow-stop"]) {
      expect(faultsText(faultsOf(typed.split(",")) ?? [])).toBe(typed);
    }
  });

  test("each once, however often it is named; an unknown name is none", () => {
    expect(faultsOf(["r2", "errors", "r2"])?.map(({ name }) => name)).toEqual(["errors", "r2"]);
    for (const names of [[], [""], ["errors", "nonsense"]]) expect(faultsOf(names)).toBeNull();
  });

  test.each(FAULTS)("$name waits for a finding whose advice is a stop", ({ finding }) => {
    expect(rowOf(finding).recommends).toBe("not-aus");
  });
});

describe("targets", () => {
  test("detect to effective: 2 min by hand, 3 min by the guardian", () => {
    expect([TARGETS.manual.effective, TARGETS.automatic.effective]).toEqual([120_000, 180_000]);
  });

  test("at the target it holds; a millisecond later the stage is named with its time and target", () => {
    for (const kind of ["manual", "automatic"] as const) {
      for (const stage of STAGES) {
        const target = TARGETS[kind][stage] ?? 0;
        const at = judged({ ...TIMES, [stage]: target }, TARGETS[kind]);
        expect([kind, stage, lateText(at)]).toEqual([kind, stage, []]);
        const late = judged({ ...TIMES, [stage]: target + 1 }, TARGETS[kind]);
        const seconds = (target / 1_000).toFixed(1);
        expect(lateText(late)).toEqual([`${stage} ${seconds} s, target ${seconds} s`]);
      }
    }
  });

  test("what was not measured is not judged", () => {
    expect(lateText(judged(NOT_MEASURED, TARGETS.manual))).toEqual([]);
  });
});

describe("the report", () => {
  test("is read back as it was written", () => {
    const full = report({
      rehearsals: [
        rehearsal({
          score: [{ what: "stop typed", good: false, detail: "never" }],
          pending: "FRA: not yet",
          earlier: { file: "a.json", at: "2026-08-01T00:00:00Z", stages: [] },
        }),
      ],
      steps: [{ step: "ready", held: true, elapsed_ms: 0, detail: "3 /qa" }],
    });
    expect(readDrill(JSON.stringify(full))).toEqual(full);
  });

  test.each(["", "[]", "{}", JSON.stringify({ ...report(), schema: 2 })])(
    "of another version is none: %s",
    (text) => {
      expect(readDrill(text)).toBe("unknown");
    },
  );

  test("shows each stage's time beside its target", () => {
    const text = drillMarkdown(report());
    for (const { stage, ms, target_ms } of rehearsal().stages) {
      const [time, target] = [ms, target_ms].map((value) => {
        const digits = (value ?? 0) < 10_000 ? 2 : 1;
        return `${((value ?? 0) / 1_000).toFixed(digits)} s`;
      });
      expect(text).toContain(`| ${stage} | ${time} | ${target} | ✔ |`);
    }
    expect(text).toContain("**Passed.**");
    expect(text).toContain("took 90 s, by ada@desk");
  });

  test("names what failed", () => {
    const slow = { ...TIMES, written: 15_600 };
    const failed = ["errors: too slow: written 15.6 s, target 10.0 s"];
    const text = drillMarkdown(
      report({ passed: false, failed, rehearsals: [rehearsal({}, slow)] }),
    );
    expect(text).toContain("**Failed:**\n- errors: too slow: written 15.6 s, target 10.0 s");
    expect(text).toContain("| written | 15.6 s | 10.0 s | ✖ |");
  });

  test("keeps text from outside text", () => {
    const bad = "<b>x</b> | [y](http://z)\n# head";
    const one = rehearsal({
      ...{ what: bad, finding: bad, pending: bad, notes: [bad], problem: bad },
      page: { text: bad, ms: null },
      score: [{ what: bad, good: true, detail: bad }],
    });
    const step = { step: bad, held: false, elapsed_ms: 1, detail: bad };
    const text = drillMarkdown(
      report({ env: bad, by: bad, failed: [bad], rehearsals: [one], steps: [step] }),
    );
    expect(text).not.toMatch(/<b>|[^\\]\]\(http|^# head/m);
    expect(text.match(/^# /gm)).toHaveLength(1);
  });
});

describe("earlier reports", () => {
  test("are those of the environment, by day and then by number, newest first", () => {
    const names = [
      "2026-02-01_sandbox_drill.json",
      "2026-11-01_sandbox_drill_10.json",
      "2026-11-01_sandbox_drill_2.json",
      "2026-11-01_sandbox_drill.json",
      "2026-11-01_sandbox_drill.md",
      "2026-11-01_staging_drill.json",
      "2026-11-01_sandbox_drill_x.json",
      "notes.json",
    ];
    expect(earlierNames(names, "sandbox")).toEqual([
      "2026-11-01_sandbox_drill_10.json",
      "2026-11-01_sandbox_drill_2.json",
      "2026-11-01_sandbox_drill.json",
      "2026-02-01_sandbox_drill.json",
    ]);
  });

  test("names that were given are found again, whatever the environment is called", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 200 }), (env, nth) => {
        const name = `${drillName("2026-11-29T10:00:00Z", env, nth)}.json`;
        expect(earlierNames([name], env)).toEqual([name]);
      }),
    );
  });

  test("the newest with the same fault is compared, stage by stage", () => {
    const before = (at: string, live: number, fault = "errors") => ({
      file: `${at}.json`,
      report: report({
        started_at: at,
        rehearsals: [rehearsal({ fault }, { ...TIMES, live })],
      }),
    });
    const earlier = [
      before("2026-10-01T00:00:00Z", 1, "r2"),
      before("2026-09-01T00:00:00Z", 2_000),
      before("2026-08-01T00:00:00Z", 9_000),
      { file: "other.json", report: report({ env: "staging" }) },
    ];
    const [one] = comparedWith(report(), earlier).rehearsals;
    expect(one?.earlier).toMatchObject({ file: "2026-09-01T00:00:00Z.json" });
    const changes = one?.stages.map((stage) => slowerBy(stage, one));
    expect(changes).toEqual([0, 0, 0, 0, 500, 0, 0]);
    const text = drillMarkdown(report({ rehearsals: one === undefined ? [] : [one] }));
    expect(text).toContain("| live | 2.50 s | 90.0 s | ✔ | 2.00 s | 0.50 s slower |");
  });
});

describe("the line of the runbook", () => {
  const by = { day: "2026-11-29", env: "sandbox", by: "ada@desk" };

  test("is replaced, and every other byte stays", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.string({ unit: "binary" }),
        fc.constantFrom("\n", "\r\n"),
        (before, after, end) => {
          fc.pre(!`${before}${after}`.includes("**Last tested:**"));
          const text = (line: string) => `${before}\n${line}${end}${after}`;
          const line = "**Last tested:** ________ by ________";
          expect(withLastTested(text(line), by)).toBe(
            text("**Last tested:** 2026-11-29 (sandbox) by ada@desk"),
          );
        },
      ),
    );
  });

  test("can be replaced again; a name with a $ stays as it is", () => {
    const once = withLastTested("**Last tested:** _ by _", { ...by, by: "$& $1" }) ?? "";
    expect(once).toBe("**Last tested:** 2026-11-29 (sandbox) by $&amp; $1");
    expect(withLastTested(once, by)).toContain(" by ada");
  });

  test("may not be there", () => {
    expect(withLastTested("# Runbook\n", by)).toBeNull();
  });
});
