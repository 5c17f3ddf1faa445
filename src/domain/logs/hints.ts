/**
 * What single lines say about their cause: words of the runbook's root-cause table, as its systems
 * really put them. A hint is evidence, not a verdict; `classify` weighs them.
 */
import type { LogRecord } from "./record.ts";

export const HINTS = {
  database: "the message names the database",
  sqlstate: "the message carries a database connection code",
  query: "the database refused the query itself",
  r2: "the message names R2 or its bucket",
  r2code: "the message carries an R2 error code",
  intent: "the message is about a missing intent",
  kv: "the message names KV",
  programming: "the error is a programming error",
} as const;

export type Hint = keyof typeof HINTS;

/** Matched against error and message together, which are capped: no pattern can run long. */
const PATTERNS: readonly (readonly [Hint, RegExp])[] = [
  [
    "database",
    // "connection attempt failed" is what workerd says of a socket, and only the driver opens any.
    /^Error connection attempt failed$|\bdatabase (?:connect|query|end)\b|postgres|hyperdrive|\bneon\b|connection pool|pool (?:is )?exhausted|pool timeout|too many clients|remaining connection slots|connection terminated|:5432\b|statement timeout|deadlock detected|\bdatabase\b.{0,40}\b(?:unavailable|timed? ?out|timeout|refused|connection|down)\b/i,
  ],
  // Classes of PostgreSQL's appendix A: connection, transaction rollback, resources, operator, system.
  ["sqlstate", /\((?:08|40|53|57|58|XX)[0-9A-Z]{3}\)/],
  // Data exception, integrity, syntax or access rule: the query is wrong, not the database.
  ["query", /\((?:22|23|42)[0-9A-Z]{3}\)/],
  ["r2", /\bR2\b|\bR2Error\b|\bMEDIA\b|piximmo-media|\b[Bb]ucket\b/],
  // "put: We encountered an internal error. Please try again. (10001)"
  [
    "r2code",
    /\b(?:put|get|head|list|delete|createMultipartUpload|uploadPart): .{1,200}\(100\d\d\)/,
  ],
  [
    "intent",
    /unknown[_ ]intent|orphan|\bintent\b.{0,40}\b(?:not found|missing|unknown|no such)\b/i,
  ],
  ["kv", /\bKV\b/],
  ["programming", /^(?:Type|Reference|Range|Syntax|Assertion)Error\b/],
];

const PROGRAMMING_TEXT =
  /\bis not a function\b|\bis not defined\b|Cannot (?:read|set) propert|\bis not iterable\b|\bundefined \(reading/;

export function hintsOf(record: LogRecord): Hint[] {
  const text = `${record.error ?? ""} ${record.message ?? ""}`.trim();
  if (text === "") return [];
  const found = PATTERNS.filter(([, pattern]) => pattern.test(text)).map(([hint]) => hint);
  if (!found.includes("programming") && PROGRAMMING_TEXT.test(text)) found.push("programming");
  return found;
}
