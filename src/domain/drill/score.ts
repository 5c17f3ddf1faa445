/** What an engineer typed in an interactive drill, and how it is scored. All times are milliseconds since the page. */
import type { Rehearsed } from "./report.ts";
import { NOT_MEASURED, type StageTimes, time } from "./stages.ts";

export interface TypedLine {
  /** After the program's name. */
  words: readonly string[];
  /** Which of them says what to do, as options may come first; empty where none does. */
  verb: string;
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
  const stop = stopOf(course);
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
  const stop = stopOf(course);
  const back = lines.find((line) => line.verb === RESTORE && line.atMs >= (healedMs ?? 0));
  const between = (verbs: readonly string[], fromMs: number | null): TypedLine | undefined =>
    fromMs === null
      ? undefined
      : lines.find(
          (line) =>
            verbs.includes(line.verb) &&
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
      detail: proof === undefined ? `none of ${PROOFS.join(", ")}` : proof.verb,
    },
    {
      what: "looked before restoring",
      good: look !== undefined,
      detail: look === undefined ? `none of ${LOOKS.join(", ")}` : look.verb,
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

/** The one that set the stop: those before it were refused or wrong. Without a stop, the first. */
function stopOf({ lines, writtenMs }: Course): TypedLine | undefined {
  const stops = lines.filter(({ verb }) => verb === STOP);
  if (writtenMs === null) return stops[0];
  return stops.findLast(({ atMs }) => atMs <= writtenMs);
}

/** A change that was refused is one; an assessment that is bad is an answer. */
function isBad(line: TypedLine): boolean {
  const { exitCode } = line;
  if (exitCode === null || !FINE.includes(exitCode)) return exitCode !== 21;
  return exitCode === 20 && CHANGES.includes(line.verb);
}

function badText({ words, exitCode }: TypedLine): string {
  return `${words.join(" ")} (${exitCode === null ? "refused" : `exit ${exitCode}`})`;
}
