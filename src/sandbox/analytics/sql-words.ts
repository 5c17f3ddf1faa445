/**
 * The words of Analytics Engine's SQL.
 * Source: developers.cloudflare.com/analytics/analytics-engine/sql-reference
 */

export const FORMATS = ["JSON", "JSONEachRow", "TabSeparated"] as const;
export type SqlFormat = (typeof FORMATS)[number];

export const BLOB_COLUMNS: readonly string[] = numbered("blob");
export const DOUBLE_COLUMNS: readonly string[] = numbered("double");

export const COLUMNS: ReadonlySet<string> = new Set([
  "dataset",
  "timestamp",
  "_sample_interval",
  "index1",
  ...BLOB_COLUMNS,
  ...DOUBLE_COLUMNS,
]);

export const CLAUSES_AFTER_TABLE: ReadonlySet<string> = wordsOf(
  "WHERE GROUP HAVING ORDER LIMIT OFFSET",
);

export const KEYWORDS: ReadonlySet<string> = new Set([
  ...CLAUSES_AFTER_TABLE,
  ...wordsOf("SELECT FROM BY AS DISTINCT AND OR NOT IN BETWEEN LIKE ILIKE ASC DESC INTERVAL"),
  ...wordsOf("TRUE FALSE"),
]);

export const INTERVAL_UNITS: ReadonlySet<string> = wordsOf(
  "SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR",
);

const AGGREGATES =
  "count sum avg min max countIf sumIf avgIf quantileExactWeighted argMin argMax first_value " +
  "last_value topK topKWeighted";
const DATES =
  "now today toDateTime formatDateTime toUnixTimestamp toStartOfInterval toStartOfYear " +
  "toStartOfMonth toStartOfWeek toStartOfDay toStartOfHour toStartOfFifteenMinutes " +
  "toStartOfTenMinutes toStartOfFiveMinutes toStartOfMinute toYear toMonth toDayOfMonth " +
  "toDayOfWeek toHour toMinute toSecond toYYYYMM";
const OTHERS =
  "if intDiv log pow round floor ceil toUInt8 toUInt32 length empty lower upper startsWith " +
  "endsWith position substring format extract bin hex bitAnd bitCount bitHammingDistance bitNot " +
  "bitOr bitRotateLeft bitRotateRight bitShiftLeft bitShiftRight bitTest bitXor";

/** By the name in small letters: Analytics Engine does not mind the case, chDB partly does. */
export const FUNCTIONS: ReadonlyMap<string, string> = new Map(
  `${AGGREGATES} ${DATES} ${OTHERS}`.split(" ").map((name) => [name.toLowerCase(), name]),
);

function numbered(name: string): string[] {
  return Array.from({ length: 20 }, (_, i) => `${name}${i + 1}`);
}

function wordsOf(text: string): Set<string> {
  return new Set(text.split(" "));
}
