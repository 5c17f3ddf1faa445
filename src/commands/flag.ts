/** A flag is declared once, in the verb's `input`: how it is written, what the help page says, its schema. */
import * as z from "zod";
import { parseDuration } from "../domain/lib/duration.ts";
import { isValidPercent } from "../domain/state/documents.ts";
import { percentAsWritten } from "../domain/state/hand-written.ts";

export interface FlagText {
  /** Commander's form: `--to <percent>`; a positional argument has no dashes: `[paths...]`. */
  form: string;
  help: string;
}

const texts = z.registry<FlagText>();

/** Its key in `input` is the form in camel case: `minRequests` for `--min-requests <n>`. */
export function flag<S extends z.ZodType>(form: string, help: string, schema: S): S {
  const own = schema.clone();
  texts.add(own, { form, help });
  return own;
}

/** One without a value, off unless it is there. */
export function onOff(form: string, help: string) {
  return flag(form, help, z.boolean().default(false));
}

/** Of a text that `read` takes; for one that it returns null for, the message says what it takes. */
export function parsed<T>(read: (text: string) => T | null, message: string) {
  return z.string().transform((text, context) => {
    const value = read(text);
    if (value !== null) return value;
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

/** How long, in milliseconds; null for no such text. */
export function durationMs(text: string): number | null {
  const seconds = parseDuration(text);
  return seconds === null ? null : seconds * 1_000;
}

/** A whole number. */
export function count(from: number, to: number, unit?: string) {
  const read = (text: string): number | null => {
    const value = /^\d{1,8}$/.test(text) ? Number(text) : Number.NaN;
    return value >= from && value <= to ? value : null;
  };
  return parsed(read, `must be a number${unit ? ` of ${unit}` : ""} from ${from} to ${to}`);
}

/** A text of limited length. */
export function textUpTo(max: number, min = 1) {
  const message = `must have ${min === 0 ? "at most" : `${min} to`} ${max} characters`;
  return z.string().min(min, message).max(max, message);
}

/** One of a fixed list. */
export function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, `must be ${values.slice(0, -1).join(", ")} or ${values.at(-1)}`);
}

/** A share: 0 … 100, at most two decimals, `%` tolerated. */
export const percentInput = parsed((text) => {
  const value = percentAsWritten(text);
  return typeof value === "number" && isValidPercent(value) ? value : null;
}, "must be a percentage from 0 to 100 with at most two decimals, e.g. 5 or 2.5");

export const cohortInput = oneOf(["native", "proxy"]);
/** Of whom the smoke checks may be a visitor. */
export const onlyNative = z.literal("native", "must be native: proxy cannot be requested");

/** The input of a verb that has no flags of its own. */
export const noFlags: z.ZodType<unknown> = z.object({});

/** In the order of the help page, by key. */
export function flagsOf(input: z.ZodType): [key: string, text: FlagText][] {
  const shape = input instanceof z.ZodObject ? Object.entries(input.shape) : [];
  return shape.flatMap(([key, schema]) => {
    const text = schema instanceof z.ZodType ? texts.get(schema) : undefined;
    return text === undefined ? [] : [[key, text]];
  });
}
