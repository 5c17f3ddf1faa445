/** What can be had of a message that Logpush has cut: the fields of the Worker's line before the cut. */
import { type Fields, levelOf } from "./record.ts";

/** Logpush cuts logs and exceptions of an event at 16,384 characters in all, and says so with this. */
export const TRUNCATION_MARK = "<<<Logpush: messages truncated>>>";

const STRING = '"((?:[^"\\\\]|\\\\.)*)';
const SAVED_WORDS = ["timestamp", "level", "rayID", "colo", "cohort", "phase", "method", "route"];
const SAVED_MORE = ["country", "device", "revision", "error_msg"];
const SAVED = [...SAVED_WORDS, ...SAVED_MORE].map(
  (key) => [key, new RegExp(`"${key}":${STRING}"`)] as const,
);
const SAVED_NUMBERS = ["status", "sample_rate"].map(
  (key) => [key, new RegExp(`"${key}":(\\d{1,9}(?:\\.\\d{1,9})?)[,}]`)] as const,
);
const SAVED_ERROR = new RegExp(`"context":\\{"error":${STRING}"`);
/** The stack comes last and is what is usually cut: its end is missing. */
const SAVED_STACK = new RegExp(`"stack":${STRING}`);

/** Null when there is not even a level. */
export function salvage(cut: string): Fields | null {
  const fields: Record<string, unknown> = {};
  for (const [key, pattern] of SAVED) {
    const text = pattern.exec(cut)?.[1];
    if (text !== undefined) fields[key] = unescaped(text);
  }
  for (const [key, pattern] of SAVED_NUMBERS) {
    const text = pattern.exec(cut)?.[1];
    if (text !== undefined) fields[key] = Number(text);
  }
  if (levelOf(fields) === null) return null;
  const error = SAVED_ERROR.exec(cut)?.[1];
  const stack = SAVED_STACK.exec(cut)?.[1];
  if (error !== undefined) {
    fields.context = {
      error: unescaped(error),
      stack: stack === undefined ? null : unescaped(stack),
    };
  }
  return fields;
}

function unescaped(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return text;
  }
}
