/** What the Worker answers to a signed stop. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import type { Carrier } from "../state/carriers.ts";

/** `off`: there is none here. */
export type Written = "written" | "off" | { problem: string };

/** The journal is a stop's trace, and carries nothing. */
export interface WrittenBy {
  beacon: Written;
  kv: Written;
  journal: Written;
}

/** 200: the stop is kept by one carrier at least, or was released before: then nothing was written. */
export type StopAnswer =
  | { stop: { id: string; at: string; by: string }; written: WrittenBy }
  | { stop: { id: string; at: string; by: string }; released: true };

/**
 * What else it answers: 401 `unauthorized` to all that is not signed by an operator, 409 `clock` with the
 * Worker's time, 409 `environment`, 429 `rate_limited`, 503 `not_written`.
 */
export interface StopRefusal {
  error: string;
  /** RFC 3339, with `clock`. */
  server_time?: string | undefined;
  written?: WrittenBy | undefined;
}

const writtenSchema = once((): z.ZodType<WrittenBy> => {
  const problem = z.object({ problem: z.string().max(1_000) });
  const one = z.union([z.literal("written"), z.literal("off"), problem]);
  return z.object({ beacon: one, kv: one, journal: one });
});

export const stopAnswerSchema = once((): z.ZodType<StopAnswer> => {
  const text = z.string().max(1_000);
  const stop = z.object({ id: text, at: text, by: text });
  return z.union([
    z.object({ stop, written: writtenSchema() }),
    z.object({ stop, released: z.literal(true) }),
  ]);
});

export const stopRefusalSchema = once(
  (): z.ZodType<StopRefusal> =>
    z.object({
      error: z.string().max(100),
      server_time: z.string().max(100).optional(),
      written: writtenSchema().optional(),
    }),
);

/** The carriers that a Worker can reach, in the order in which it tells of them. */
export const REACHED: readonly Carrier[] = ["beacon", "kv"];

/** The carriers that have the stop. */
export function carriersOf(written: WrittenBy): Carrier[] {
  return REACHED.filter((name) => written[name] === "written");
}

/** The carriers that this Worker has, and that did not take the stop, or not yet. */
export function lackingIn(written: WrittenBy): Carrier[] {
  return REACHED.filter((name) => typeof written[name] !== "string");
}

/** "kv: no answer within 3000 ms; journal: …"; empty when nothing went wrong. */
export function problemsIn(written: WrittenBy): string {
  return Object.entries(written)
    .flatMap(([name, one]) => (typeof one === "string" ? [] : [`${name}: ${one.problem}`]))
    .join("; ");
}
