/** What the schema finds wrong with `pixcanary.json`, in plain words. */
import type { z } from "zod";
import { ESCALATION_KEYS } from "../domain/config/contacts.ts";
import { configFileSchema, environmentSchema } from "../domain/config/environment.ts";
import { NOTIFY_KEYS } from "../domain/config/notify.ts";
import { DEFAULT_POLICY } from "../domain/policy/numbers.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";

const MAX_REPORTED = 10;

/** For a terminal, and not too many. */
export function linesOf(issues: readonly z.core.$ZodIssue[]): string[] {
  const problems = issues.flatMap(describeIssue);
  const more = problems.length - MAX_REPORTED;
  const lines = problems.slice(0, MAX_REPORTED).map(escapeForTerminal);
  return more > 0 ? [...lines, `and ${more} more`] : lines;
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const place = issue.path.map(String);
  const at = (rest: readonly string[]): string => rest.join(".") || "the file";
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => {
        const like = nearest(key, knownKeys(place));
        const meant = like === null ? "" : `; did you mean ${like}?`;
        return `${at([...place, key])}: unknown setting${meant}`;
      });
    case "invalid_type":
      return [
        issue.input === undefined
          ? `${at(place)}: is missing`
          : `${at(place)}: must be ${article(issue.expected)}`,
      ];
    case "invalid_key":
      return [`${at(place)}: ${issue.issues[0]?.message ?? "is not a valid name"}`];
    case "too_small":
      return [
        `${at(place)}: ${issue.origin === "number" ? `must be at least ${issue.minimum}` : "must not be empty"}`,
      ];
    case "too_big":
      return [
        `${at(place)}: ${issue.origin === "number" ? `must be at most ${issue.maximum}` : "is too long"}`,
      ];
    default:
      return [`${at(place)}: ${issue.message}`];
  }
}

const ARTICLES: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

function article(expected: string): string {
  return ARTICLES[expected] ?? expected;
}

function knownKeys([top, , setting, row]: readonly string[]): string[] {
  if (top === undefined) return Object.keys(configFileSchema.shape);
  if (setting === undefined) return Object.keys(environmentSchema.shape);
  if (setting === "notify") return [...(NOTIFY_KEYS[row ?? ""] ?? Object.keys(NOTIFY_KEYS))];
  if (setting === "escalation") return [...ESCALATION_KEYS];
  if (setting !== "policy") return [];
  const rows = new Map<string, unknown>(Object.entries(DEFAULT_POLICY));
  if (row === undefined) return [...rows.keys()];
  const numbers = rows.get(row);
  return typeof numbers === "object" && numbers !== null ? Object.keys(numbers) : [];
}

/** The known key that takes the fewest edits, if they are few. */
function nearest(key: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let fewest = Math.max(2, Math.floor(key.length / 3)) + 1;
  for (const candidate of known) {
    const edits = editDistance(key.slice(0, 64).toLowerCase(), candidate.toLowerCase());
    if (edits < fewest) {
      best = candidate;
      fewest = edits;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
