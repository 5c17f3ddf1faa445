/**
 * Why most lines need no parse: they look like one that was parsed already. A shape is a regular
 * expression made from such a line: its keys, nesting and whatever decides stand there literally, and
 * every other value as any string without escapes, any number, and so on. Text that matches is valid
 * JSON with the same keys, so a full parse would yield the same line with the captured values: the
 * only values that a line that is not grouped is counted by. Escapes, bytes beyond ASCII, other keys
 * or another order match nothing, and are parsed in full.
 *
 * Time is linear: no value's class holds the character that ends it.
 */
import { field, isTraceEvent } from "./event.ts";
import { eventTimeOf } from "./event-time.ts";
import { levelOfOutcome } from "./level.ts";
import { isFields, type LogRecord, levelOf, numberOf, readRecord, wordOf } from "./record.ts";

export interface Shape {
  /** Sticky, on a latin-1 view of the bytes; the newline belongs to the match. */
  readonly pattern: RegExp;
  /** In the order of the captures: where the value belongs. */
  readonly captured: readonly Place[];
  /** Whether the event holds a line at all: most successes are not logged. */
  readonly line: boolean;
  /** What stands literally in every such line. */
  readonly literals: Readonly<Record<string, unknown>>;
}

interface Place {
  of: "event" | "line";
  key: string;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/y;
const PLAIN = '[^"\\\\\\x00-\\x1f\\x80-\\xff]*';
const NUMBER = "-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?";
/** A line of another kind than our own would make an expression of any size. */
const MAX_TOKENS = 400;

/** Where an event's values stand that a counted line is counted by: places as `field` finds them. */
const EVENT_CAPTURED: Readonly<Record<string, string>> = {
  eventTimestampMs: "ms",
  eventTimestamp: "ms",
  "event.response.status": "status",
  "logs.0.timestampMs": "logMs",
  "logs.0.timestamp": "logMs",
};
const LINE_CAPTURED: ReadonlySet<string> = new Set([
  "timestamp",
  "time",
  "ts",
  "cohort",
  "phase",
  "route",
  "status",
  "colo",
  "revision",
  "sample_rate",
]);
/** What may turn a line into another one: only this very value is passed over. */
const EVENT_LITERALS: ReadonlySet<string> = new Set(["outcome", "logs.0.level"]);
const LINE_LITERALS: ReadonlySet<string> = new Set(["level", "severity", "outcome", "Outcome"]);
/** Of an event without a line: any other answer would make one. */
const STATUS = "event.response.status";
const NO_FAILURE = "[1-4]\\d\\d";
const MESSAGE = "logs.0.message.0";
/** Texts that are read as lines: an event with more of them is parsed. */
const READ_AS_LINES = /^(?:logs\.\d+\.message|exceptions\.)/;
const ASCII = /^[\x20-\x7e]*$/;

/**
 * The shape of a line that was parsed and found to be no more than a success to count; null when it
 * is too unusual to be worth one. `text` is the line as it stands, without its newline.
 */
export function shapeOf(text: string): Shape | null {
  const value: unknown = ASCII.test(text) ? parse(text) : undefined;
  if (!isFields(value)) return null;
  const event = isTraceEvent(value);
  const logs = event ? field(value, "logs") : null;
  if (event && (!Array.isArray(logs) || logs.length > 1)) return null;
  const line = !event || (Array.isArray(logs) && logs.length === 1);
  const made: Made = { source: [], captured: [], literals: {}, line };
  const of = event ? "event" : "line";
  if (!describe(text, { of, made, quote: '"' })) return null;
  // Judged by what stands literally in it, and by nothing else.
  if (line && levelOf(made.literals) === null) return null;
  const shape: Shape = {
    pattern: new RegExp(`${made.source.join("")}\\r?\\n`, "y"),
    captured: made.captured,
    line,
    literals: made.literals,
  };
  // An unusual way to write a line is no shape: it must at least describe its own example.
  return shape.pattern.test(`${text}\n`) ? shape : null;
}

interface Made {
  source: string[];
  captured: Place[];
  literals: Record<string, unknown>;
  /** Without a line there is nothing to count by, and so nothing to capture. */
  line: boolean;
}

interface Context {
  of: Place["of"];
  made: Made;
  /** How a quotation mark stands in the text: inside a message it is escaped. */
  quote: '"' | '\\\\"';
}

/** Appends the expression for one JSON text. False when it cannot be described. */
function describe(text: string, context: Context): boolean {
  const tokens = tokensOf(text);
  if (tokens === null) return false;
  const { made, quote } = context;
  const path: (string | number)[] = [];
  const seen = new Set<string>();
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? "";
    if (token === "{" || token === "[") path.push(token === "[" ? 0 : "");
    else if (token === "}" || token === "]") path.pop();
    else if (token === ",") {
      const last = path.at(-1);
      if (typeof last === "number") path[path.length - 1] = last + 1;
    }
    if (/^[{}[\],:]$/.test(token)) {
      made.source.push(escaped(token));
    } else if (tokens[at + 1] === ":") {
      if (!/^"[\w-]+"$/.test(token)) return false;
      path[path.length - 1] = keyOf(token, context.of);
      const place = path.join(".");
      if (seen.has(place)) return false;
      seen.add(place);
      made.source.push(quoted(token, quote));
    } else if (!describeValue(token, path.join("."), context)) return false;
  }
  return true;
}

function describeValue(token: string, place: string, context: Context): boolean {
  const { of, made, quote } = context;
  if (of === "event" && place === MESSAGE) return describeMessage(token, made);
  if (of === "event" && READ_AS_LINES.test(place)) return false;
  if ((of === "event" ? EVENT_LITERALS : LINE_LITERALS).has(place)) {
    if (token.includes("\\")) return false;
    if (/^outcome$/i.test(place) && !isOk(parse(token))) return false;
    made.literals[place] = parse(token);
    made.source.push(quoted(token, quote));
    return true;
  }
  if (of === "event" && place === STATUS && !made.line) {
    made.source.push(NO_FAILURE);
    return true;
  }
  const lineKey = LINE_CAPTURED.has(place) ? place : undefined;
  const key = !made.line ? undefined : of === "event" ? EVENT_CAPTURED[place] : lineKey;
  const pattern = patternOf(token, quote);
  made.source.push(key === undefined ? pattern : `(${pattern})`);
  if (key === undefined) return true;
  if (made.captured.some((other) => other.of === of && other.key === key)) return false;
  made.captured.push({ of, key });
  return true;
}

/** Both spellings of an event's key are the same place, as they are for `field`. */
function keyOf(token: string, of: Place["of"]): string {
  const key = token.slice(1, -1);
  return of === "event" ? key.charAt(0).toLowerCase() + key.slice(1) : key;
}

/** The message is JSON inside a JSON string: described the same way, its marks escaped. */
function describeMessage(token: string, made: Made): boolean {
  const inner = parse(token);
  if (typeof inner !== "string" || !isFields(parse(inner))) return false;
  made.source.push('"');
  const good = describe(inner, { of: "line", made, quote: '\\\\"' });
  made.source.push('"');
  return good;
}

function isOk(outcome: unknown): boolean {
  return typeof outcome === "string" && levelOfOutcome(outcome) === null;
}

function patternOf(token: string, quote: Context["quote"]): string {
  const text = `${quote}${PLAIN}${quote}`;
  if (token.startsWith('"')) return text;
  if (/^[-\d]/.test(token)) return NUMBER;
  return `(?:${text}|${NUMBER}|true|false|null)`;
}

/** What a match says, in the form that a full parse would have found. */
export function readMatch(shape: Shape, match: readonly (string | undefined)[]): LogRecord | null {
  if (!shape.line) return null;
  const event: Record<string, unknown> = {};
  const { level, severity } = shape.literals;
  const line: Record<string, unknown> = { level, severity };
  shape.captured.forEach(({ of, key }, index) => {
    (of === "event" ? event : line)[key] = capturedValue(match[index + 1] ?? "null");
  });
  return readRecord(line, {
    ms: eventTimeOf(event.logMs) ?? eventTimeOf(event.ms),
    rayId: null,
    status: numberOf(event.status),
    method: null,
    consoleLevel: wordOf(shape.literals["logs.0.level"]),
  });
}

/** No captured string holds an escape. */
function capturedValue(text: string): unknown {
  if (text.startsWith('"')) return text.slice(1, -1);
  return text.startsWith("\\") ? text.slice(2, -2) : parse(text);
}

function tokensOf(text: string): string[] | null {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const found = TOKEN.exec(text);
    if (found === null || tokens.length >= MAX_TOKENS) return null;
    tokens.push(found[0]);
  }
  return tokens;
}

function quoted(token: string, quote: Context["quote"]): string {
  return token.startsWith('"') ? `${quote}${escaped(token.slice(1, -1))}${quote}` : escaped(token);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
