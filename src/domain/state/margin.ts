/** Clocks of operators and KV's old copies are off by less than this. */
export const MARGIN_MS = 10 * 60_000;
