/** Answers that are kept: asked once, however many want them, and never for ever. */
import { expect, test } from "vitest";
import { createKept } from "../../../src/domain/lib/kept.ts";

const AGES = { freshMs: 100, shownMs: 300 };
const LIMIT_MS = 1_000;

function stage(isWhole?: (value: string) => boolean) {
  const asked: { resolve(value: string): void; reject(error: Error): void }[] = [];
  const state = { nowMs: 0, late: false };
  const times = {
    now: () => state.nowMs,
    limited: <T>(_: number, work: Promise<T>): Promise<T> =>
      state.late ? Promise.reject(new Error("late")) : work,
  };
  const kept = createKept<string>(LIMIT_MS, times, isWhole);
  const ask = () => new Promise<string>((resolve, reject) => asked.push({ resolve, reject }));
  const current = (key = "k", ages = AGES) => kept.current(key, ages, ask, () => undefined);
  return { asked, state, current };
}

test("fifty who ask at once are answered by one question", async () => {
  const { asked, current } = stage();
  const answers = Promise.all(Array.from({ length: 50 }, () => current()));
  asked[0]?.resolve("A");
  expect(new Set(await answers)).toEqual(new Set(["A"]));
  expect(asked).toHaveLength(1);
});

test("a young one is given as it is; an older one while the next is on its way; an old one is not", async () => {
  const { asked, state, current } = stage();
  const first = current();
  asked[0]?.resolve("A");
  await first;
  state.nowMs = 100;
  expect([await current(), asked.length]).toEqual(["A", 1]);
  state.nowMs = 101;
  expect([await current(), asked.length]).toEqual(["A", 2]);
  asked[1]?.resolve("B");
  await new Promise(setImmediate);
  state.nowMs = 1_000;
  const third = current();
  expect(asked).toHaveLength(3);
  asked[2]?.resolve("C");
  expect(await third).toBe("C");
});

test("one that failed is asked again, and one that hangs is waited for by nobody after its limit", async () => {
  const { asked, state, current } = stage();
  const failing = current();
  asked[0]?.reject(new Error("503"));
  await expect(failing).rejects.toThrow("503");
  void current().catch(() => undefined);
  expect(asked).toHaveLength(2);
  state.nowMs = LIMIT_MS + 1;
  const next = current();
  expect(asked).toHaveLength(3);
  asked[2]?.resolve("D");
  expect(await next).toBe("D");
});

test("it waits no longer than its limit", async () => {
  const { state, current } = stage();
  state.late = true;
  await expect(current()).rejects.toThrow("late");
});

test("keeps sixteen, and forgets the oldest", async () => {
  const { asked, current } = stage();
  for (let nth = 0; nth < 17; nth += 1) {
    const answer = current(`k${nth}`);
    asked[nth]?.resolve("A");
    await answer;
  }
  expect(asked).toHaveLength(17);
  await current("k16");
  expect(asked).toHaveLength(17);
  void current("k0");
  expect(asked).toHaveLength(18);
});

test("one that lacks something is asked again after 15 s, however long others are kept", async () => {
  const { asked, state, current } = stage((value) => value !== "half");
  const long = { freshMs: 600_000, shownMs: 600_000 };
  for (const [nth, value] of ["half", "whole"].entries()) {
    const answer = current(value, long);
    asked[nth]?.resolve(value);
    await answer;
  }
  state.nowMs = 15_001;
  expect([await current("whole", long), asked.length]).toEqual(["whole", 2]);
  expect([await current("half", long), asked.length]).toEqual(["half", 3]);
});
