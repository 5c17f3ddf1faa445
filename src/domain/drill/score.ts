/** What an engineer typed in an interactive drill, and how it is scored. All times are milliseconds since the page. */
import type { Rehearsed } from "./report.ts";
import { NOT_MEASURED, type StageTimes, time } from "./stages.ts";

export interface TypedLine {
  /** After the program's name. */
  words: readonly string[];
  atMs: number;
  endedMs: number;
  /** Null: it was refused here, or ended by a signal. */
  exitCode: number | null;
}

export interface Course {
  lines: readonly TypedLine[];
  /** When the stop was in KV, live at every `/qa`, native repaired, and native serving again; null: never. */
  writtenMs: number | null;
  liveMs: number | null;
  healedMs: number | null;
  restoredMs: number | null;
}

export type Score = NonNullable<Rehearsed["score"]>;

const PROOFS = ["verify", "status", "watch"];
const LOOKS = ["assess", "status", "watch", "verify", "doctor", "validate"];
/** An answer, or the usual end of what runs until Ctrl-C. */
const FINE = [0, 20, 26, 130];
const CHANGES = ["not-aus", "reduce", "disable", "restore", "ramp"];

const STOP = "not-aus";
const RESTORE = "restore";

export function timesOf(course: Course): StageTimes {
  const stop = firstOf(course, [STOP]);
  const since = (ms: number | null, fromMs: number | undefined): number | null =>
    ms === null || fromMs === undefined || ms < fromMs ? null : ms - fromMs;
  return {
    ...NOT_MEASURED,
    decide: stop?.atMs ?? null,
    written: since(course.writtenMs, stop?.atMs),
    live: since(course.liveMs, stop?.atMs),
    effective: course.liveMs,
    restored: since(course.restoredMs, course.healedMs ?? undefined),
  };
}

export function scoreOf(course: Course, decideTargetMs: number): Score {
  const { lines, writtenMs, liveMs, healedMs, restoredMs } = course;
  const stop = firstOf(course, [STOP]);
  const back = lines.find((line) => verbOf(line) === RESTORE && line.atMs >= (healedMs ?? 0));
  const between = (verbs: readonly string[], fromMs: number | null): TypedLine | undefined =>
    fromMs === null
      ? undefined
      : lines.find(
          (line) =>
            verbs.includes(verbOf(line)) &&
            line.atMs >= fromMs &&
            line.atMs < (back?.atMs ?? Infinity),
        );
  const proof = between(PROOFS, writtenMs);
  const look = between(LOOKS, healedMs);
  const bad = lines.filter(isBad);
  return [
    {
      what: `stop typed within ${time(decideTargetMs)}`,
      good: stop !== undefined && stop.atMs <= decideTargetMs,
      detail: stop === undefined ? "never" : time(stop.atMs),
    },
    {
      what: "stop live everywhere",
      good: liveMs !== null,
      detail: liveMs === null ? "not seen" : `${time(liveMs)} after the page`,
    },
    {
      what: "verified what was live",
      good: proof !== undefined,
      detail: proof === undefined ? `none of ${PROOFS.join(", ")}` : verbOf(proof),
    },
    {
      what: "looked before restoring",
      good: look !== undefined,
      detail: look === undefined ? `none of ${LOOKS.join(", ")}` : verbOf(look),
    },
    {
      what: "native serves again",
      good: restoredMs !== null,
      detail: restoredMs === null ? "not restored" : time(timesOf(course).restored),
    },
    {
      what: "no wrong or refused command",
      good: bad.length === 0,
      detail: bad.length === 0 ? "" : bad.map(badText).join("; ").slice(0, 1_000),
    },
  ];
}

function firstOf({ lines }: Course, verbs: readonly string[]): TypedLine | undefined {
  return lines.find((line) => verbs.includes(verbOf(line)));
}

/** Options may come first. */
function verbOf({ words }: TypedLine): string {
  return words.find((word) => /^[a-z]/.test(word)) ?? "";
}

/** A change that was refused is one; an assessment that is bad is an answer. */
function isBad(line: TypedLine): boolean {
  const { exitCode } = line;
  if (exitCode === null || !FINE.includes(exitCode)) return exitCode !== 21;
  return exitCode === 20 && CHANGES.includes(verbOf(line));
}

function badText({ words, exitCode }: TypedLine): string {
  return `${words.join(" ")} (${exitCode === null ? "refused" : `exit ${exitCode}`})`;
}
