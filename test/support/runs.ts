/**
 * How many cases a test draws. Somebody waits for `npm test`, so there it draws as many as find again, nearly surely,
 * what its broken twins do; CI has time for all of them (`.ci/run` sets PIXCANARY_THOROUGH=1). PIXCANARY_RUNS=n draws n
 * in place of any count, to look longer at one file.
 */
interface Counts {
  /** `all` where there is time, else a quarter of it, or `few`. */
  runs(all: number, few?: number): number;
  /** For what no count can replace: sizes, and sets that are walked through whole. */
  thoroughly<T>(all: T, few: T): T;
}

export function countsIn(env: Readonly<Record<string, string | undefined>>): Counts {
  const given = Number(env.PIXCANARY_RUNS ?? 0);
  const thoroughly = <T>(all: T, few: T): T => (env.PIXCANARY_THOROUGH === "1" ? all : few);
  return {
    thoroughly,
    runs(all, few = Math.ceil(all / 4)) {
      return Number.isInteger(given) && given > 0 ? given : thoroughly(all, few);
    },
  };
}

export const { runs, thoroughly } = countsIn(process.env);
