/** What visitors' requests say of a ramp's step, asked by the command line and by the Worker alike. */
import { describe, expect, it } from "vitest";
import type { LocationRow } from "../../../src/domain/metrics/queries.ts";
import type { Ask } from "../../../src/domain/policy/observations.ts";
import { visitedSince } from "../../../src/domain/ramp/visited.ts";
import { rampOf, START_MS } from "./world.ts";

const WRITTEN_S = START_MS / 1_000;
const RAMP = {
  ...rampOf("5:1m,100"),
  step: 0,
  written_at: new Date(START_MS).toISOString(),
};
const NOW_MS = START_MS + 60_000;

const row = (colo: string, revision: string, lastS: number): LocationRow => {
  return {
    colo,
    revision,
    mode: "open",
    native: 0,
    requests: 1,
    firstS: WRITTEN_S,
    lastS: WRITTEN_S + lastS,
  };
};

/** The metrics hold these rows, whatever they are asked. */
function answering(rows: readonly unknown[], asked: string[] = []): Ask {
  return async (question) => {
    const query = question("canary");
    asked.push(query.sql);
    // The rows are made for the one question that is asked.
    return { kind: "seen", value: rows as ReturnType<typeof query.read> };
  };
}

describe("the locations that visitors have reached since a step was written", () => {
  it("lag where the newest request was decided by an older config, named or not", async () => {
    const rows = [
      row("AMS", "STEP0", 50),
      row("FRA", "STEP0", 10),
      row("FRA", "BASE", 40),
      row("", "BASE", 40),
    ];
    expect(await visitedSince(RAMP, NOW_MS, answering(rows))).toEqual({
      kind: "seen",
      // A name that is no text would read as "nowhere" in a list of names.
      value: { locations: 3, lagging: ["(unnamed)", "FRA"] },
    });
  });

  it("do not lag once the step's own requests are newer", async () => {
    const rows = [row("FRA", "BASE", 10), row("FRA", "STEP0", 12)];
    const { lagging } = Object(await visitedSince(RAMP, NOW_MS, answering(rows))).value;
    expect(lagging).toEqual([]);
  });

  it("are asked for from the step's writing on, also by a clock that is behind the writer's", async () => {
    const asked: string[] = [];
    await visitedSince(RAMP, START_MS - 5_000, answering([], asked));
    expect(asked.join()).toContain(String(WRITTEN_S - 5));
    expect(asked.join()).toContain(String(WRITTEN_S - 4));
  });

  it("are unseen before a step is written, and where the metrics do not answer", async () => {
    const before = await visitedSince({ ...RAMP, written_at: null }, NOW_MS, answering([]));
    expect(before).toEqual({ kind: "unseen", because: "no step is written" });
    const silent: Ask = async () => ({ kind: "unseen", because: "no answer" });
    expect(await visitedSince(RAMP, NOW_MS, silent)).toMatchObject({ because: "no answer" });
  });
});
