/** AT-8: every cell of the decision matrix through the real Worker, against a reference function. */
import { Pool } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { thoroughly } from "../support/runs.ts";
import type { WorkerUnderTest } from "../worker/harness.ts";
import { startWorker } from "../worker/harness.ts";
import type { TestOrigin } from "../worker/origin.ts";
import { startOrigin } from "../worker/origin.ts";
import type { Cell, Credentials } from "./matrix-cells.ts";
import {
  cellsOf,
  credentials,
  documentsOf,
  headersOf,
  type OVERRIDES,
  STATES,
  STOPS,
} from "./matrix-cells.ts";
import type { Observed } from "./matrix-client.ts";
import { ask, complaint, watchOrigin } from "./matrix-client.ts";
import type { Expected } from "./matrix-reference.ts";
import { expectedOf } from "./matrix-reference.ts";

const PARALLEL = 32;
/** The 9,600 of AT-8, in CI. */
const CELLS = thoroughly(9_600, 2_400);
/** Next to them: a cookie of a key that nobody knows, where nothing but the cookie and the share counts. */
const MORE_CELLS = thoroughly(200, 50);

/**
 * A quarter where somebody waits: another one at the next share, and with the origin down. So it still holds each stop,
 * flag, cookie, override and method with each other at some share, and each of them at every share.
 */
function ofTurn(cells: readonly Cell[], turn: number): readonly Cell[] {
  const up = cells[0]?.originUp === true;
  const quarter = (turn + (up ? 0 : 2)) % 4;
  return thoroughly(
    cells,
    cells.filter((_, index) => index % 4 === quarter),
  );
}

interface Stage {
  worker: WorkerUnderTest;
  origin: TestOrigin;
  /** Asks for all cells; answers in their order. */
  askAll(cells: readonly Cell[]): Promise<Observed[]>;
  dispose(): Promise<void>;
}

async function openStage(options: Parameters<typeof startWorker>[0]): Promise<Stage> {
  const origin = await startOrigin();
  const worker = await startWorker({ ...options, origin });
  const seen = watchOrigin(origin);
  const pool = new Pool(worker.url, { connections: PARALLEL });
  const given: Credentials = await credentials(worker, Date.now());
  let sent = 0;
  const askAll: Stage["askAll"] = async (cells) => {
    const answers: Observed[] = [];
    const queue = cells.entries();
    const lane = async (): Promise<void> => {
      for (const [index, cell] of queue) {
        sent += 1;
        const asking = { pool, url: worker.url, sawAtOrigin: seen.has };
        answers[index] = await ask(asking, cell, String(sent), headersOf(cell, given));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
    seen.clear();
    worker.logs.clear();
    return answers;
  };
  return {
    worker,
    origin,
    askAll,
    async dispose() {
      await pool.close();
      await worker.dispose();
    },
  };
}

type Judge = (cell: Cell) => Expected;

function complaintsOf(
  cells: readonly Cell[],
  answers: readonly (Observed | undefined)[],
  judge: Judge,
  tag?: string,
): string[] {
  return cells.flatMap((cell, index) => {
    const answer = answers[index];
    const problem = answer === undefined ? "no answer" : complaint(cell, judge(cell), answer, tag);
    return problem === null ? [] : [`${JSON.stringify(cell)}: ${problem}`];
  });
}

const isNative = (answer: Observed): boolean => answer.canary?.includes(";cohort=native;") === true;

/**
 * How far the sampled share may be from `percent`, in answers. The 4 on top make up for the skew of
 * so few draws; the share itself is measured over many more in cookie-life.test.ts.
 */
function fourSigma(percent: number, draws: number): number {
  return 4 * Math.sqrt((draws * percent * (100 - percent)) / 10_000) + 4;
}

describe("AT-8 in mode signed", () => {
  let stage: Stage;
  const cells: Cell[] = [];
  const answers: Observed[] = [];
  let turn = 0;

  beforeAll(async () => {
    stage = await openStage({ vars: { CANARY_OVERRIDE: "signed" }, database: true });
    for (const originUp of [true, false]) {
      if (!originUp) await stage.origin.close();
      for (const state of STATES) {
        turn += 1;
        const { config, stop } = documentsOf(state, turn);
        await stage.worker.endEmergencies();
        await stage.worker.putState(config, stop);
        const some = ofTurn(cellsOf(state, originUp), turn);
        cells.push(...some);
        answers.push(...(await stage.askAll(some)));
      }
    }
  });
  afterAll(() => stage.dispose());

  test("all cells equal the reference: decision, backend, status, cookie", () => {
    const problems = complaintsOf(cells, answers, (cell) => expectedOf(cell));
    const native = answers.filter(isNative).length;
    console.log(`AT-8: ${cells.length} cells, ${native} native, ${problems.length} differ`);
    expect(cells).toHaveLength(CELLS + MORE_CELLS);
    expect(cells.filter((cell) => cell.cookie !== "unknown-key")).toHaveLength(CELLS);
    expect(problems).toEqual([]);
  });

  test("each combination is asked for at some share, and each of its parts at every share", () => {
    const known = cells.filter((cell) => cell.cookie !== "unknown-key");
    const count = (said: (cell: Cell) => unknown[]) =>
      new Set(known.map((cell) => said(cell).join())).size;
    expect(count((c) => [c.stop, c.flag, c.cookie, c.override, c.method])).toBe(4 * 2 * 6 * 4 * 5);
    expect(count((c) => [c.percent, c.originUp, c.cookie, c.override, c.method])).toBe(
      5 * 2 * 6 * 4 * 5,
    );
  });

  test("a stop means 0 native, whatever else is asked", () => {
    const stopped = cells.flatMap((cell, index) => {
      const on = cell.stop === "true" || cell.stop === "corrupt" || cell.flag;
      return on ? [answers[index]] : [];
    });
    expect(stopped).toHaveLength((CELLS * 3) / 4);
    expect(stopped.filter((answer) => answer !== undefined && isNative(answer))).toEqual([]);
  });

  test.each([
    [1, 56],
    [50, 49],
    [99, 56],
  ])("the sampled share at %i % lies within 4σ", (percent, few) => {
    const drawn = cells.flatMap((cell, index) => {
      const answer = answers[index];
      const sampled = answer?.canary?.endsWith(";reason=sampled") === true;
      return sampled && cell.percent === percent ? [isNative(answer)] : [];
    });
    const native = drawn.filter(Boolean).length;
    console.log(`AT-8: ${native} of ${drawn.length} drawn native at ${percent} %`);
    expect(drawn).toHaveLength(thoroughly(210, few));
    const distance = Math.abs(native - (drawn.length * percent) / 100);
    expect(distance).toBeLessThanOrEqual(fourSigma(percent, drawn.length));
  });

  test.each<[string, Judge]>([
    ["forgets the emergency flag", (cell) => expectedOf({ ...cell, flag: false })],
    ["takes a corrupt stop for none", (cell) => expectedOf(withoutCorruptStop(cell))],
    ["lets a valid override pass a stop", overrideFirst],
    ["believes forged overrides", (cell) => expectedOf(believing(cell, "forged"))],
    ["believes expired overrides", (cell) => expectedOf(believing(cell, "expired"))],
    ["believes forged cookies", (cell) => expectedOf(withCookie(cell, "forged"))],
    ["believes expired cookies", (cell) => expectedOf(withCookie(cell, "expired"))],
    ["believes unknown keys", (cell) => expectedOf(withCookie(cell, "unknown-key"))],
    ["has dropped the old key", oldKeyDropped],
    ["puts the cookie before the override", cookieFirst],
  ])("a Worker that %s would be caught", (_name, twin) => {
    expect(complaintsOf(cells, answers, twin).length).toBeGreaterThan(0);
  });

  test("a wrong backend, a wrong status and a cookie too many or too few would be caught", () => {
    const wrongs: ((answer: Observed) => Observed)[] = [
      (answer) => ({ ...answer, reachedOrigin: !answer.reachedOrigin }),
      (answer) => ({ ...answer, status: 500 }),
      (answer) => ({ ...answer, canary: null }),
      (answer) => ({
        ...answer,
        cookies: answer.cookies.length === 0 ? ["_canary_cohort=v1.n.B2a.1"] : [],
      }),
    ];
    for (const wrong of wrongs) {
      const problems = complaintsOf(cells, answers.map(wrong), (cell) => expectedOf(cell));
      expect(problems).toHaveLength(cells.length);
    }
  });
});

describe("AT-8 in modes open and off", () => {
  test.each(["open", "off"] as const)("mode %s equals the reference", async (mode) => {
    const stage = await openStage({ vars: { CANARY_OVERRIDE: mode } });
    try {
      const problems: string[] = [];
      let asked = 0;
      for (const [turn, state] of STATES.entries()) {
        const { config, stop } = documentsOf(state, turn + 1);
        await stage.worker.endEmergencies();
        await stage.worker.putState(config, stop);
        const cells = smallerSet(state, mode);
        asked += cells.length;
        problems.push(
          ...complaintsOf(cells, await stage.askAll(cells), (cell) => expectedOf(cell)),
        );
      }
      console.log(`AT-8: mode ${mode}, ${asked} cells, ${problems.length} differ`);
      expect(problems).toEqual([]);
    } finally {
      await stage.dispose();
      await stage.origin.close();
    }
  });
});

test("AT-8 without any readable configuration: proxy for everybody, by emergency or default", async () => {
  const stage = await openStage({ vars: { CANARY_OVERRIDE: "signed" }, config: null });
  try {
    const problems: string[] = [];
    for (const text of [null, "{"]) {
      for (const stop of STOPS) {
        const state = { percent: 100, stop, flag: false } as const;
        await stage.worker.endEmergencies();
        await stage.worker.putState(text, documentsOf(state, 1).stop);
        const cells = cellsOf(state, true).filter(({ method }) => method === "GET");
        const answers = await stage.askAll(cells);
        const judge: Judge = (cell) => expectedOf(cell, false);
        problems.push(...complaintsOf(cells, answers, judge, "none"));
      }
    }
    expect(problems).toEqual([]);
  } finally {
    await stage.dispose();
    await stage.origin.close();
  }
});

function smallerSet(state: (typeof STATES)[number], mode: Cell["mode"]): Cell[] {
  return (["none", "native", "proxy"] as const).flatMap((cookie) =>
    (["plain", "valid", "none"] as const).flatMap((override) =>
      (["GET", "OPTIONS"] as const).map((method) => {
        return { ...state, mode, cookie, override, method, originUp: true };
      }),
    ),
  );
}

function withoutCorruptStop(cell: Cell): Cell {
  return cell.stop === "corrupt" ? { ...cell, stop: "absent" } : cell;
}

function overrideFirst(cell: Cell): Expected {
  return cell.override === "valid" ? { cohort: "native", reason: "header" } : expectedOf(cell);
}

function believing(cell: Cell, override: (typeof OVERRIDES)[number]): Cell {
  return cell.override === override ? { ...cell, override: "valid" } : cell;
}

function withCookie(cell: Cell, cookie: Cell["cookie"]): Cell {
  return cell.cookie === cookie ? { ...cell, cookie: "native" } : cell;
}

function oldKeyDropped(cell: Cell): Expected {
  return expectedOf(cell.cookie === "old-key" ? { ...cell, cookie: "none" } : cell);
}

function cookieFirst(cell: Cell): Expected {
  return expectedOf(cell.cookie === "proxy" ? { ...cell, override: "none" } : cell);
}
