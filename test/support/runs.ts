/**
 * How many cases a test draws. Somebody waits for `npm test`, so there it draws as many as find again, nearly surely,
 * what its broken twins do; CI has time for all of them (`.ci/run` sets PIXCANARY_THOROUGH=1).
 */
const THOROUGH = process.env.PIXCANARY_THOROUGH === "1";

/** PIXCANARY_RUNS=n: so many in place of any count of `runs`, to look longer at one file. */
const GIVEN = Number(process.env.PIXCANARY_RUNS ?? 0);

/** `all` where there is time, else a quarter of it, or `few`. */
export function runs(all: number, few = Math.ceil(all / 4)): number {
  if (Number.isInteger(GIVEN) && GIVEN > 0) return GIVEN;
  return thoroughly(all, few);
}

/** For what no count can replace: sizes, and sets that are walked through whole. */
export function thoroughly<T>(all: T, few: T): T {
  return THOROUGH ? all : few;
}
