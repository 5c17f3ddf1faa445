/** A row of numbers as a row of bars, one character each. */
const BARS = [..."▁▂▃▄▅▆▇█"];

/** `top` is the full bar, 0 the lowest; the same top makes two lines comparable. Unknown: a space. */
export function sparkline(values: readonly (number | null)[], top: number): string {
  return values.map((value) => barOf(value, top)).join("");
}

function barOf(value: number | null, top: number): string {
  if (value === null || !Number.isFinite(value)) return " ";
  const share = top > 0 ? Math.min(1, Math.max(0, value / top)) : 0;
  return BARS[Math.max(0, Math.ceil(share * BARS.length) - 1)] ?? " ";
}
