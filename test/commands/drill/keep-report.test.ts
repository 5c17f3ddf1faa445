/** The report of a drill is kept and overwrites nothing; RUNBOOK.md gets its date when the drill passed. */
import { describe, expect, test } from "vitest";
import { performChecklist } from "../../../src/commands/drill/checklist.ts";
import { keepReport } from "../../../src/commands/drill/keep-report.ts";
import { renderDrill } from "../../../src/commands/drill/text.ts";
import { readDrill } from "../../../src/domain/drill/report.ts";
import { LocalError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { INPUT } from "../ramp/stage.ts";
import { drillPorts, stageAt } from "./world.ts";

const RUNBOOK = "# Runbook\r\n**Last tested:** ________ by ________\r\nend";

function disk(files: Record<string, string> = {}) {
  const held = new Map(Object.entries(files));
  const said: string[] = [];
  const change = (ports: Ports): Ports => ({
    ...ports,
    progress: {
      ...ports.progress,
      warn: (text) => said.push(text),
      note: (text) => (text.includes("Last tested") ? said.push(text) : undefined),
    },
    redact: (text) => text.replaceAll("tester", "SOMEBODY"),
    reports: {
      at: (path) => ({
        path,
        names: async () =>
          [...held.keys()].flatMap((file) =>
            file.startsWith(`${path}/`) ? [file.slice(path.length + 1)] : [],
          ),
        read: async (name) => held.get(`${path}/${name}`) ?? null,
        async write(name, text, before) {
          expect(held.get(`${path}/${name}`) ?? null).toBe(before);
          held.set(`${path}/${name}`, text);
        },
      }),
    },
  });
  return { held, said, change };
}

async function drill(
  { change }: { change: (ports: Ports) => Ports },
  { percent = 10, slow = false, named = true } = {},
) {
  const stage = stageAt(percent);
  const ports = drillPorts(stage, (given) => {
    const { writeStop } = given.store;
    const store: Ports["store"] = {
      ...given.store,
      async writeStop(stop, options) {
        if (slow) stage.nowMs += 20_000;
        await writeStop(stop, options);
      },
    };
    return change({ ...given, store });
  });
  const outcome = await performChecklist(INPUT, ports, null);
  const kept = await keepReport(outcome, named ? { out: "out" } : {}, ports);
  return { kept, day: new Date(stage.nowMs).toISOString().slice(0, 10) };
}

test("Markdown and JSON, the same in both; the runbook's line alone is changed", async () => {
  const on = disk({ "./RUNBOOK.md": RUNBOOK });
  const { kept, day } = await drill(on);
  expect(kept).toMatchObject({ kind: "done", data: { file: `out/${day}_model_drill` } });
  const report = readDrill(on.held.get(`out/${day}_model_drill.json`) ?? "");
  expect(report).toMatchObject({ schema: 1, env: "model", passed: true, failed: [] });
  const text = on.held.get(`out/${day}_model_drill.md`);
  expect(text).toContain("**Passed.**");
  for (const stage of ["written", "stored", "live", "effective", "restored"]) {
    expect(text).toMatch(new RegExp(`^\\| ${stage} \\| [\\d.]+ s \\| `, "m"));
  }
  expect(on.held.get("./RUNBOOK.md")).toBe(
    RUNBOOK.replace("________ by ________", `${day} (model) by SOMEBODY`),
  );
  expect(on.said).toEqual([]);
});

test("a further drill of the day has a name of its own, and is compared with the one before", async () => {
  const on = disk();
  const { day } = await drill(on);
  const first = new Map(on.held);
  const { kept } = await drill(on);
  expect(kept).toMatchObject({ data: { file: `out/${day}_model_drill_2` } });
  for (const [file, text] of first) expect([file, on.held.get(file)]).toEqual([file, text]);
  const text = on.held.get(`out/${day}_model_drill_2.md`);
  expect(text).toContain("| stage | time | target |  | before | change |");
  expect(text).toContain(`Before: ${day}\\_model\\_drill.json`);
  expect(renderDrill(kept)).toContain(`checklist: effective the same as on ${day}`);
});

test("a name of which one file is there is taken", async () => {
  const day = new Date(stageAt(10).nowMs).toISOString().slice(0, 10);
  const on = disk({ [`out/${day}_model_drill.md`]: "by hand" });
  const { kept } = await drill(on);
  expect(kept).toMatchObject({ data: { file: `out/${day}_model_drill_2` } });
  expect(on.held.get(`out/${day}_model_drill.md`)).toBe("by hand");
});

test("a report of another version is not compared, and that is said", async () => {
  const on = disk({ "out/2020-01-01_model_drill.json": '{"schema":7}' });
  await drill(on);
  expect(on.said).toEqual([expect.stringContaining("2020-01-01_model_drill.json is no report")]);
});

describe("RUNBOOK.md stays as it is", () => {
  test("after a drill that did not pass, which has its report all the same", async () => {
    const on = disk({ "./RUNBOOK.md": RUNBOOK });
    const { kept, day } = await drill(on, { slow: true });
    expect(kept).toMatchObject({
      kind: "unhealthy",
      reason: expect.stringMatching(
        /checklist: too slow: written 20\.0 s, target 10\.0 s.*; it is back at 10 %$/,
      ),
      next: expect.stringMatching(/^pixcanary status /),
    });
    expect(on.held.get("./RUNBOOK.md")).toBe(RUNBOOK);
    expect(on.held.get(`out/${day}_model_drill.md`)).toContain("**Failed:**");
  });

  test("where it has no such line: one line says so", async () => {
    const on = disk({ "./RUNBOOK.md": "# Another" });
    await drill(on);
    expect(on.held.get("./RUNBOOK.md")).toBe("# Another");
    expect(on.said).toHaveLength(1);
  });
});

test("a drill that did not begin leaves nothing", async () => {
  const on = disk({ "./RUNBOOK.md": RUNBOOK });
  const { kept } = await drill(on, { percent: 0 });
  expect(kept).toMatchObject({ kind: "unhealthy", reason: expect.stringContaining("not started") });
  expect([...on.held.keys()]).toEqual(["./RUNBOOK.md"]);
});

test("the usual folder is one that nobody named: it is taken where others cannot write", async () => {
  const on = disk();
  const asked: unknown[] = [];
  const change = (ports: Ports): Ports => {
    const { reports, ...given } = on.change(ports);
    const at: typeof reports.at = (...where) => {
      asked.push(where);
      return reports.at(...where);
    };
    return { ...given, reports: { at } };
  };
  await drill({ change }, { named: false });
  await drill({ change });
  expect(asked).toEqual([
    ["docs/DRILLS", { named: false }],
    [".", { named: true }],
    ["out", { named: true }],
    [".", { named: true }],
  ]);
});

test("a disk that refuses is said, and changes nothing of how the drill ended", async () => {
  const on = disk();
  const refuse = () => Promise.reject(new LocalError("cannot write out/x: the disk is full"));
  const { kept } = await drill({
    change: (ports) => {
      const given = on.change(ports);
      return {
        ...given,
        reports: { at: (...where) => ({ ...given.reports.at(...where), write: refuse }) },
      };
    },
  });
  expect(kept).toMatchObject({ kind: "done", data: { file: null } });
  expect(on.said).toEqual(["cannot write out/x: the disk is full"]);
});
