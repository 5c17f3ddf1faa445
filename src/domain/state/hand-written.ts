/**
 * Values as a person in a hurry writes them, where they can mean but one thing: text for a number or a flag,
 * a percent sign, blanks around. Whatever else is written stays unreadable.
 */

const PERCENT = /^(\d{1,3}(?:\.\d{1,2})?)\s*%?$/;

/** "10", " 10 % " → 10; everything else as it is. */
export function percentAsWritten(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const digits = PERCENT.exec(value.trim())?.[1];
  return digits === undefined ? value : Number(digits);
}

/** "true", " False " → true, false; everything else as it is. */
export function flagAsWritten(value: unknown): unknown {
  const word = typeof value === "string" ? value.trim().toLowerCase() : value;
  if (word === "true") return true;
  return word === "false" ? false : value;
}

/** " B2a " → "B2a"; everything else as it is. */
export function wordAsWritten(value: unknown): unknown {
  return typeof value === "string" ? value.trim() : value;
}
