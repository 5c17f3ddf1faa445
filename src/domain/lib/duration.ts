/** Lengths of time as people write them: `90s`, `30m`, `2h`, `3d`. */
/** The longest that a timer can wait, in milliseconds (24 days): Node stores delays in 31 bits, a longer one fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** In seconds, at least 1; null for anything else. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,7})([smhd])$/.exec(text.trim());
  const unitS = UNIT_S[match?.[2] ?? ""];
  const seconds = match === null || unitS === undefined ? 0 : Number(match[1]) * unitS;
  return seconds > 0 ? seconds : null;
}

/** The shortest exact form, as `parseDuration` reads it: 7200 is `2h`, 5400 is `90m`. */
export function shortDuration(seconds: number): string {
  const units = Object.entries(UNIT_S).toReversed();
  const [unit, size] = units.find(([, each]) => seconds % each === 0) ?? ["s", 1];
  return `${seconds / size}${unit}`;
}
