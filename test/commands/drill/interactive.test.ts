/** An engineer's own drill: what is typed is run, timed and scored; the drill is over when native serves again. */
import { describe, expect, test } from "vitest";
import type { DrillData } from "../../../src/commands/drill/data.ts";
import { performInteractive } from "../../../src/commands/drill/interactive.ts";
import { execute } from "../../../src/commands/drill/run.ts";
import { renderDrill } from "../../../src/commands/drill/text.ts";
import { pullTheStop } from "../../../src/commands/not-aus/not-aus.ts";
import { restore } from "../../../src/commands/restore/restore.ts";
import { faultsOf } from "../../../src/domain/drill/faults.ts";
import type { Keyboard } from "../../../src/ports/fault-stage.ts";
import { INPUT } from "../ramp/stage.ts";
import { drillPorts, FakeFaults, stageAt } from "./world.ts";

/** Who has left the desk types nothing more. */
const AWAY = "away";

/** Types these lines, each `afterMs` after the one before; `wrong` is refused before it runs. */
async function type(lines: readonly string[], { afterMs = 5_000 } = {}) {
  const stage = stageAt(50);
  const ports = drillPorts(stage);
  const faults = new FakeFaults(stage);
  faults.onTick = () => {
    const details = ["guardian: observe", "next: pixcanary not-aus"];
    faults.paged = { text: "sandbox: error rate\u001b[2J", details, atMs: stage.nowMs };
  };
  const said: string[] = [];
  const left = [...lines];
  const run: Record<string, () => Promise<number>> = {
    "not-aus": async () => {
      faults.stoppedMs = stage.nowMs;
      await pullTheStop(INPUT, ports);
      return 0;
    },
    restore: async () =>
      (await execute(restore, { input: given, ports }, {})).kind === "done" ? 0 : 20,
    /** `restore --to 0` */
    nobody: async () => {
      await execute(restore, { input: given, ports }, { to: "0" });
      return 0;
    },
    status: async () => 0,
  };
  const given = { ...INPUT, reason: "fixed" };
  const keyboard: Keyboard = {
    say: (text) => said.push(text),
    async line(over) {
      stage.nowMs += afterMs;
      while (left[0] === AWAY && !over.aborted) {
        await ports.clock.sleep(60_000, over).catch(() => undefined);
      }
      return over.aborted ? null : (left.shift() ?? null);
    },
    read(line) {
      const words = line.split(" ");
      return { words, verb: words[0] ?? "", refused: line === "wrong" };
    },
    run: async ([verb = ""]) => (await run[verb]?.()) ?? 2,
  };
  const [fault] = faultsOf(["errors"]) ?? [];
  if (fault === undefined) throw new Error("no such fault");
  const outcome = await performInteractive(INPUT, ports, { stage: faults, keyboard }, { fault });
  if (!("data" in outcome) || outcome.data === undefined) throw new Error(outcome.kind);
  const data: DrillData = outcome.data;
  return { outcome, data, said: said.join("\n"), left, faults, one: data.rehearsals[0] };
}

const misses = ({ one }: Awaited<ReturnType<typeof type>>) =>
  one?.score?.filter(({ good }) => !good).map(({ what }) => what);

test("stop, look, restore: passes with all of the score, and ends by itself", async () => {
  const done = await type(["not-aus", "status", "restore", "never typed"]);
  expect(done.outcome, JSON.stringify(done.outcome)).toMatchObject({ kind: "done" });
  expect(misses(done)).toEqual([]);
  expect(done.left).toEqual(["never typed"]);
  expect(renderDrill(done.outcome)).toContain("score       6 of 6");
  const ms = Object.fromEntries(done.one?.stages.map(({ stage, ms }) => [stage, ms]) ?? []);
  expect(ms).toMatchObject({ decide: expect.any(Number), effective: expect.any(Number) });
  expect(done.one?.notes).toContainEqual(
    expect.stringMatching(/^typed 5\.\d s after the page: not-aus \(exit 0/),
  );
});

test("the page is shown as it came, and nothing of it is obeyed; the fault is not named", async () => {
  const { said } = await type(["done"]);
  expect(said).toContain("! PAGE\n  sandbox: error rate\\x1b[2J\n  guardian: observe\n");
  expect(said).not.toContain("half of native's requests");
});

test("native is repaired only once the stop is live, and that is said", async () => {
  const before = await type(["status", "done"]);
  expect(before.said).not.toContain("MESSAGE FROM THE TEAM");
  const after = await type(["not-aus", "done"]);
  expect(after.said).toContain("MESSAGE FROM THE TEAM");
});

describe("does not pass", () => {
  test.each([
    [[], "no stop was set"],
    [["status", "exit"], "no stop was set"],
    [["not-aus", "quit"], "native was not restored"],
    [["not-aus", "nobody", "done"], "native was not restored"],
  ])("who types %j: %s", async (lines, problem) => {
    const { outcome } = await type(lines);
    expect(outcome).toMatchObject({
      kind: "unhealthy",
      reason: expect.stringContaining(`errors, typed: ${problem}`),
      next: "pixcanary drill --interactive",
    });
  });

  test("who takes a minute and more for the stop: the stage is named", async () => {
    const { outcome } = await type(["not-aus", "status", "restore"], { afterMs: 70_000 });
    expect(outcome).toMatchObject({
      reason: expect.stringMatching(/too slow: decide 70\.\d s, target 60\.0 s/),
    });
  });
});

test.each([[[AWAY]], [["not-aus", AWAY]]])(
  "whoever has left the desk is not waited for: %j",
  async (lines) => {
    const { outcome, said } = await type(lines);
    expect(outcome.kind).toBe("unhealthy");
    expect(said).toContain("! time limit reached: the drill ends after 30 min");
  },
);

test("mistakes cost score, and do not end the drill", async () => {
  const done = await type(["wrong", "asess", "", "not-aus", "restore"]);
  expect(done.outcome.kind).toBe("done");
  expect(misses(done)).toEqual([
    "verified what was live",
    "looked before restoring",
    "no wrong or refused command",
  ]);
  expect(done.one?.score?.at(-1)?.detail).toBe("wrong (refused); asess (exit 2)");
});
