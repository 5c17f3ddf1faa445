/** Finds and reads `pixcanary.json`; mistakes in it become one plain message each. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { z } from "zod";
import {
  type ConfigFile,
  configFileSchema,
  environmentForRelief,
  environmentSchema,
  reliefFileSchema,
} from "../domain/config/environment.ts";
import { shellQuote } from "../domain/config/manual.ts";
import { NOTIFY_KEYS } from "../domain/config/notify.ts";
import { DEFAULT_POLICY } from "../domain/policy/numbers.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import { findJsonMistake } from "./json-position.ts";
import { examinePath } from "./trusted-path.ts";

const CONFIG_FILE_NAME = "pixcanary.json";
const MAX_CONFIG_BYTES = 256 * 1024;
/** No real path is deeper. */
const MAX_FOLDERS = 64;
const MAX_REPORTED = 10;

/** A configuration that is missing or cannot be used. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly hint: string;
  /** There is none at all: for what can do without. */
  readonly missing: boolean;
  /** Somebody else may have put it there: nothing in it was read. */
  readonly planted: boolean;
  constructor(message: string, hint: string, { missing = false, planted = false } = {}) {
    super(message);
    this.hint = hint;
    this.missing = missing;
    this.planted = planted;
  }
}

export interface LoadedConfig {
  /** Absolute. Relative paths in the configuration start from its folder. */
  path: string;
  config: ConfigFile;
  /** For relief: environments that the file names and that cannot be used at all, and why. */
  unusable: ReadonlyMap<string, ConfigError>;
  /** For relief: mistakes that do not matter to it, one line each. */
  warnings: readonly string[];
}

/**
 * Throws ConfigError. An explicit path is taken as it is; else the nearest file upwards from `cwd`,
 * which must be yours or root's, on a way that nobody else can change.
 * For `relief`, a mistake in one place does not make the rest unusable.
 */
export async function loadConfig(options: {
  cwd: string;
  explicitPath?: string | undefined;
  relief?: boolean;
}): Promise<LoadedConfig> {
  const { cwd, explicitPath, relief } = options;
  const loaded = (text: string, path: string): LoadedConfig => ({
    path,
    unusable: new Map(),
    warnings: [],
    ...(relief === true ? parseForRelief(text, path) : { config: parseConfigFile(text, path) }),
  });
  if (explicitPath !== undefined) {
    const path = resolve(cwd, explicitPath);
    const text = await readText(path);
    if (text !== null) return loaded(text, path);
    throw new ConfigError(`file not found: ${shown(path)}`, "check --config");
  }
  let folder = resolve(cwd);
  for (let depth = 0; depth < MAX_FOLDERS; depth += 1) {
    const path = join(folder, CONFIG_FILE_NAME);
    const text = await readTrusted(path);
    if (text !== null) return loaded(text, path);
    if (dirname(folder) === folder) break;
    folder = dirname(folder);
  }
  const message = `no ${CONFIG_FILE_NAME} in ${shown(resolve(cwd))} or above`;
  const hint = "use --config <path>, or create one (see README)";
  throw new ConfigError(message, hint, { missing: true });
}

/** Looks before it reads: on a way that is safe, nobody can exchange the file in between. */
async function readTrusted(path: string): Promise<string | null> {
  const found = await examinePath(path).catch((error: unknown) => unreadable(error, path));
  if (found === null) return null;
  if (found.problem === null) return readText(found.real);
  const why = shown(found.problem);
  throw new ConfigError(
    `found ${shown(path)}, but others can write to it: ${why}; it was not read`,
    `--config ${quoted(path)}   # only if you trust it`,
    { planted: true },
  );
}

/** Null when there is no such file; every other obstacle is an error, never "not there". */
async function readText(path: string): Promise<string | null> {
  const hint = `check the file ${shown(path)}`;
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile())
        throw new ConfigError(`${shown(path)} is not a file`, hint);
      const buffer = Buffer.alloc(MAX_CONFIG_BYTES + 1);
      let size = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, size, buffer.length - size, size);
        size += bytesRead;
        if (bytesRead === 0 || size === buffer.length) break;
      }
      if (size > MAX_CONFIG_BYTES) {
        throw new ConfigError(`${shown(path)} is longer than ${MAX_CONFIG_BYTES / 1024} KiB`, hint);
      }
      return buffer.toString("utf8", 0, size).replace(/^\uFEFF/, "");
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    return unreadable(error, path);
  }
}

function unreadable(error: unknown, path: string): null {
  const code = error instanceof Error && "code" in error ? String(error.code) : "error";
  if (code === "ENOENT" || code === "ENOTDIR") return null;
  throw new ConfigError(`cannot read ${shown(path)} (${code})`, `check the file ${shown(path)}`);
}

/** `path` is for messages only. Throws ConfigError. */
export function parseConfigFile(text: string, path: string): ConfigFile {
  const parsed = parseStrictly(jsonOf(text, path));
  if (parsed.success) return parsed.data;
  throw configError(path, parsed.error.issues);
}

/** As much as relief needs, and what is wrong with the rest. Throws ConfigError. */
export function parseForRelief(text: string, path: string): Omit<LoadedConfig, "path"> {
  const raw = jsonOf(text, path);
  const strict = parseStrictly(raw);
  const unusable = new Map<string, ConfigError>();
  if (strict.success) return { config: strict.data, unusable, warnings: [] };
  const { issues } = strict.error;
  const found = reliefFileSchema.safeParse(raw);
  if (!found.success) throw configError(path, issues);
  const environments: ConfigFile["environments"] = {};
  for (const [name, value] of Object.entries(found.data.environments)) {
    const environment = environmentForRelief(name, value);
    if (environment !== null) environments[name] = environment;
    else
      unusable.set(
        name,
        configError(
          path,
          issues.filter((issue) => issue.path[1] === name),
        ),
      );
  }
  const warnings = linesOf(issues).map((line) => `${shown(path)}: ${line}`);
  return { config: { environments }, unusable, warnings };
}

function jsonOf(text: string, path: string): unknown {
  const mistake = findJsonMistake(text);
  if (mistake === null) return JSON.parse(text);
  const place = `${shown(path)}:${mistake.line}:${mistake.column}`;
  const hint = "the file is plain JSON: no comments, no comma after the last entry";
  throw new ConfigError(`${place}: not JSON: ${escapeForTerminal(mistake.what)}`, hint);
}

function parseStrictly(raw: unknown) {
  // Only the input tells a missing field from one of the wrong type.
  return configFileSchema.safeParse(raw, { reportInput: true });
}

function configError(path: string, issues: readonly z.core.$ZodIssue[]): ConfigError {
  const lines = linesOf(issues).map((line) => `  ${line}`);
  return new ConfigError(`${shown(path)}:\n${lines.join("\n")}`, "correct the file and try again");
}

/** For a terminal, and not too many. */
function linesOf(issues: readonly z.core.$ZodIssue[]): string[] {
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

/** One word for a shell, when nothing in it had to be escaped for the terminal. */
function quoted(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : shellQuote(shown(path));
}

function shown(path: string): string {
  return escapeForTerminal(path);
}
