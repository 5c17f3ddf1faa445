/**
 * The documents of people in Workers KV, and the only parser for `config` and `stop`.
 * The Worker and the CLI share this file, so they cannot disagree on which values are valid.
 *
 * `config` is the seed's document. People also write it with wrangler or in the dashboard: unknown
 * fields are ignored, and a malformed optional field counts as missing.
 * `stop` is the emergency latch, a key of its own so that no rewrite of `config` can lose it.
 */

import * as z from "zod";
import { countText } from "../text/format.ts";
import { flagAsWritten, percentAsWritten, wordAsWritten } from "./hand-written.ts";
import { saysEmergency } from "./says-emergency.ts";

export const CONFIG_KEY = "config";
export const STOP_KEY = "stop";

/** KV allows 25 MiB; a value that needs more than this is not one of our two documents. */
export const MAX_DOCUMENT_CHARS = 16_384;

/** A day: a lease is for a process that looks every few seconds. */
const MAX_LEASE_S = 86_400;

/** The tag travels in a response header and, dot-separated, in the cookie: hence this alphabet. */
const TAG = /^[A-Za-z0-9_-]{1,32}$/;

export const percentSchema = z
  .number()
  .min(0)
  .max(100)
  .refine((n) => Number(n.toFixed(2)) === n, "has more than two decimal places");

const optionalText = z.string().max(500).optional().catch(undefined);

/** No release names more: a longer list would not fit into a document. */
const names = z
  .array(
    z.object({
      /** Of a stop; of a config, its revision. */
      id: optionalText,
      /** Of the very text, see emergency.ts. */
      mark: optionalText,
      at: optionalText,
    }),
  )
  .max(64)
  .optional()
  .catch(undefined);

export const configSchema = z.object({
  canary_percent: z.preprocess(percentAsWritten, percentSchema),
  canary_tag: z.preprocess(
    wordAsWritten,
    z.string().regex(TAG, "must be 1 to 32 letters, digits, _ or -"),
  ),
  emergency_proxy: z.preprocess(flagAsWritten, z.boolean()),
  /** Not checked as a date: a person in a hurry may paste anything, and must still be obeyed. */
  last_updated: z.string().max(64),
  revision: optionalText,
  updated_by: optionalText,
  reason: optionalText,
  /** Of an attached ramp: unless somebody renews it, the Worker falls back by itself. */
  lease: z
    .object({
      expires_at: z.string().max(64),
      fallback_percent: percentSchema,
      /** Seconds from the first sight of this document; absent: until `expires_at` alone. */
      duration_s: z.number().positive().max(MAX_LEASE_S).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
  /** The newest cap of the guardian that whoever wrote this has seen: it and all older ones are void. */
  lifts_cap: z.object({ id: optionalText, at: optionalText }).optional().catch(undefined),
  /** The emergencies in `config` that this one takes back: written by a tool, it ends no other. */
  lifts: names,
});

const stopSchema = z.object({
  active: z.boolean(),
  id: optionalText,
  at: optionalText,
  by: optionalText,
  reason: optionalText,
  /**
   * On a release: the stops that it releases, and which of them is the newest. Without the list, it is
   * from the first version of the tool.
   */
  releases: z
    .object({ id: optionalText, at: optionalText, stops: names })
    .optional()
    .catch(undefined),
});

export type CanaryConfig = z.output<typeof configSchema>;
export type StopDocument = z.output<typeof stopSchema>;
/** What a release or a config says of an emergency that it ends. */
export type Name = NonNullable<z.output<typeof names>>[number];

/** `emergency`: the value is unusable as a whole, yet it plainly asks for an emergency. */
export type Parsed<T> =
  | { kind: "valid"; value: T }
  | { kind: "absent" }
  | { kind: "invalid"; problem: string; emergency: boolean };

export function parseConfig(text: string | null): Parsed<CanaryConfig> {
  return parse(text, configSchema, saysEmergency);
}

/** An unreadable stop asks for an emergency: somebody tried to stop, and in doubt it is proxy. */
export function parseStop(text: string | null): Parsed<StopDocument> {
  return parse(text, stopSchema, () => true);
}

/** By every field: people copy a document, revision and all, and edit the share alone. */
export function isSameConfig(one: CanaryConfig, other: CanaryConfig): boolean {
  return configText(one) === configText(other);
}

/** Parsed by the schema, two alike have their fields in the same order. */
export function configText(config: CanaryConfig): string {
  return JSON.stringify(config);
}

export function isValidPercent(value: number): boolean {
  return percentSchema.safeParse(value).success;
}

export function isValidTag(value: string): boolean {
  return TAG.test(value);
}

/** Throws when the document could not be read back: nothing unreadable may ever be written. */
export function serialiseConfig(config: CanaryConfig): string {
  return serialise(config, parseConfig);
}

/** Throws when the document could not be read back. */
export function serialiseStop(stop: StopDocument): string {
  return serialise(stop, parseStop);
}

function serialise<T>(document: T, parseBack: (text: string) => Parsed<T>): string {
  const text = JSON.stringify(document);
  const back = parseBack(text);
  if (back.kind !== "valid") {
    throw new Error(
      `refusing to write an invalid document: ${back.kind === "invalid" ? back.problem : back.kind}`,
    );
  }
  return text;
}

/** `salvage`: whether an unusable text asks for an emergency; given what JSON made of it, if it could. */
function parse<T>(
  text: string | null,
  schema: z.ZodType<T>,
  salvage: (text: string, json: unknown) => boolean,
): Parsed<T> {
  if (text === null) return { kind: "absent" };
  const invalid = (problem: string, json?: unknown): Parsed<T> => {
    return { kind: "invalid", problem, emergency: salvage(text, json) };
  };
  if (text.length > MAX_DOCUMENT_CHARS) {
    return invalid(
      `is ${countText(text.length)} characters long, more than ${countText(MAX_DOCUMENT_CHARS)}`,
    );
  }
  let raw: unknown;
  try {
    // Without the byte order mark and the blanks that JSON does not know.
    raw = JSON.parse(text.trim());
  } catch {
    return invalid("is not JSON");
  }
  const result = schema.safeParse(raw);
  if (result.success) return { kind: "valid", value: result.data };
  return invalid(describe(result.error), raw);
}

function describe(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "is not valid";
  const path = issue.path.join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
