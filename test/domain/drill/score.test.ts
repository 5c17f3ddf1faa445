/** How an engineer is scored: by what was typed, when, and what came of it. */
import { expect, test } from "vitest";
import { type Course, scoreOf, type TypedLine, timesOf } from "../../../src/domain/drill/score.ts";

const line = (text: string, atMs: number, exitCode: number | null = 0): TypedLine => ({
  words: text.split(" "),
  verb: text.split(" ")[0] ?? "",
  atMs,
  endedMs: atMs + 1_000,
  exitCode,
});

const GOOD: Course = {
  lines: [
    line("assess", 2_000, 20),
    line("not-aus --reason x", 10_000),
    line("verify", 15_000),
    line("status", 20_000),
    line("restore --reason y", 30_000),
  ],
  writtenMs: 10_300,
  liveMs: 12_000,
  healedMs: 13_000,
  restoredMs: 36_000,
};

const misses = (course: Course) =>
  scoreOf(course, 60_000)
    .filter(({ good }) => !good)
    .map(({ what }) => what);

test("all that an engineer should do is all of the score", () => {
  expect(misses(GOOD)).toEqual([]);
  expect(timesOf(GOOD)).toMatchObject({
    decide: 10_000,
    written: 300,
    live: 2_000,
    effective: 12_000,
    restored: 23_000,
  });
});

test.each([
  [
    "a stop that comes late",
    { lines: GOOD.lines.map((l) => ({ ...l, atMs: l.atMs + 60_000 })) },
    "stop typed within 60.0 s",
  ],
  ["a stop that was not seen", { liveMs: null }, "stop live everywhere"],
  ["no restore that held", { restoredMs: null }, "native serves again"],
])("%s is a miss", (_, more, what) => {
  expect(misses({ ...GOOD, ...more })).toContain(what);
});

test("a stop that was refused is none: the one that came into force is timed", () => {
  const lines = [line("not-aus --reasn x", 3_000, 2), ...GOOD.lines];
  expect(timesOf({ ...GOOD, lines })).toMatchObject({ decide: 10_000, written: 300 });
  const late = { writtenMs: 80_300, liveMs: 82_000, healedMs: 83_000, restoredMs: null };
  const again = [line("not-aus --reasn x", 3_000, 2), line("not-aus", 80_000)];
  expect(misses({ ...late, lines: again })).toContain("stop typed within 60.0 s");
});

test("a look after the restore is none before it", () => {
  const [, stop, , , back] = GOOD.lines;
  const lines = [stop, back, line("status", 40_000)].filter((one) => one !== undefined);
  expect(misses({ ...GOOD, lines })).toEqual(["verified what was live", "looked before restoring"]);
});

test("a look before the repair says nothing of native as it is now", () => {
  const lines = GOOD.lines.filter(({ words: [verb] }) => verb !== "verify" && verb !== "status");
  const early = [...lines, line("verify", 12_500)].sort((a, b) => a.atMs - b.atMs);
  expect(misses({ ...GOOD, lines: early })).toEqual(["looked before restoring"]);
});

test.each([
  ["wrong", "asess", 2],
  ["refused before it ran", "setup", null],
  ["declined", "restore", 22],
  ["a change that was unsafe", "restore --reason z", 20],
] as const)("a command that is %s is a miss", (_, text, exitCode) => {
  const lines = [...GOOD.lines, line(text, 50_000, exitCode)];
  expect(misses({ ...GOOD, lines })).toEqual(["no wrong or refused command"]);
});

test.each([
  ["a bad assessment", "assess", 20],
  ["an emergency that is on", "status --exit-code", 26],
  ["what is ended by Ctrl-C", "watch", 130],
  ["a stop that is still pending", "not-aus", 21],
] as const)("%s is an answer", (_, text, exitCode) => {
  expect(misses({ ...GOOD, lines: [...GOOD.lines, line(text, 50_000, exitCode)] })).toEqual([]);
});

test("who does nothing gets nothing but an empty list of mistakes", () => {
  const none = { lines: [], writtenMs: null, liveMs: null, healedMs: null, restoredMs: null };
  expect(scoreOf(none, 60_000).filter(({ good }) => good)).toEqual([
    { what: "no wrong or refused command", good: true, detail: "" },
  ]);
});
