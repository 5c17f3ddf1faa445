/** The questions of the dashboard, and what is shown where one does not come back. */
import { expect, test } from "vitest";
import type { RangeFigures } from "../../../src/domain/dashboard/document.ts";
import type { KeptFigures } from "../../../src/domain/dashboard/figures.ts";
import { currentFigures, isWhole } from "../../../src/domain/dashboard/figures.ts";
import { parseRange } from "../../../src/domain/dashboard/range.ts";
import { createKept } from "../../../src/domain/lib/kept.ts";
import { DEFAULT_POLICY } from "../../../src/domain/policy/numbers.ts";
import type { Ask } from "../../../src/domain/policy/observations.ts";

const NOW_MS = Date.parse("2026-11-29T14:30:20Z");
const range = parseRange("1h", NOW_MS / 1_000);
const answersNone: Ask = async () => ({ kind: "seen", value: [] });
const hangs: Ask = () => new Promise(() => undefined);

function gather(ask: Ask) {
  if (range === null) throw new Error("no range");
  const times = {
    now: () => NOW_MS,
    // What has not come by the next turn comes too late.
    limited: <T>(_: number, work: Promise<T>): Promise<T> =>
      Promise.race([
        work,
        new Promise<T>((_, late) => setImmediate(() => late(new Error("late")))),
      ]),
  };
  const kept: KeptFigures = {
    present: createKept(8_000, times),
    figures: createKept<RangeFigures>(8_000, times),
  };
  const sources = {
    nowMs: NOW_MS,
    ask,
    orphans: async () =>
      ({ kind: "seen", value: { intents: 0, finalized: 0, requests: 0 } }) as const,
    state: null,
    entries: { kind: "seen", value: [] } as const,
    policy: DEFAULT_POLICY,
  };
  return currentFigures(kept, range, sources, () => undefined);
}

test("questions that hang are panels that say so: the rest of the page does not wait", async () => {
  const { present, figures } = await gather(hangs);
  expect(present.observations.health).toEqual({ kind: "unseen", because: "no answer in time" });
  for (const panel of [present.figures.share, present.figures.orphans, figures.requests]) {
    expect(panel).toEqual({ ok: false, problem: "no answer in time" });
  }
  expect(isWhole(figures)).toBe(false);
});

test("answers without rows are whole", async () => {
  const { figures } = await gather(answersNone);
  expect([isWhole(figures), figures.requests.ok]).toEqual([true, true]);
});
