/** Finds and reads `pixcanary.json`; mistakes in it become one plain message each. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { z } from "zod";
import { type ConfigFile, configFileSchema, environmentSchema } from "../domain/environment.ts";
import { escapeForTerminal } from "../domain/escape.ts";
import { findJsonMistake } from "./json-position.ts";

export const CONFIG_FILE_NAME = "pixcanary.json";
const MAX_CONFIG_BYTES = 256 * 1024;
/** No real path is deeper. */
const MAX_FOLDERS = 64;
const MAX_REPORTED = 10;

/** A configuration that is missing or cannot be used. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

export interface LoadedConfig {
  /** Absolute. Relative paths in the configuration start from its folder. */
  path: string;
  config: ConfigFile;
}

/** Throws ConfigError. An explicit path is taken as it is; else the nearest file upwards from `cwd`. */
export async function loadConfig(options: {
  cwd: string;
  explicitPath?: string | undefined;
}): Promise<LoadedConfig> {
  const { cwd, explicitPath } = options;
  if (explicitPath !== undefined) {
    const path = resolve(cwd, explicitPath);
    const text = await readText(path);
    if (text !== null) return { path, config: parseConfigFile(text, path) };
    throw new ConfigError(`there is no file ${shown(path)}`, "check --config");
  }
  let folder = resolve(cwd);
  for (let depth = 0; depth < MAX_FOLDERS; depth += 1) {
    const path = join(folder, CONFIG_FILE_NAME);
    const text = await readText(path);
    if (text !== null) return { path, config: parseConfigFile(text, path) };
    if (dirname(folder) === folder) break;
    folder = dirname(folder);
  }
  const message = `no ${CONFIG_FILE_NAME} in ${shown(resolve(cwd))} or above`;
  throw new ConfigError(message, "name one with --config, or write one: the README shows how");
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
    const code = error instanceof Error && "code" in error ? String(error.code) : "error";
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new ConfigError(`cannot read ${shown(path)} (${code})`, hint);
  }
}

/** `path` is for messages only. Throws ConfigError. */
export function parseConfigFile(text: string, path: string): ConfigFile {
  const mistake = findJsonMistake(text);
  if (mistake !== null) {
    const place = `${shown(path)}:${mistake.line}:${mistake.column}`;
    const hint = "the file is plain JSON: no comments, no comma after the last entry";
    throw new ConfigError(`${place}: not JSON: ${escapeForTerminal(mistake.what)}`, hint);
  }
  // Only the input tells a missing field from one of the wrong type.
  const parsed = configFileSchema.safeParse(JSON.parse(text), { reportInput: true });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(describeIssue);
  const more = problems.length - MAX_REPORTED;
  const lines = problems.slice(0, MAX_REPORTED).map((line) => `  ${escapeForTerminal(line)}`);
  if (more > 0) lines.push(`  and ${more} more`);
  throw new ConfigError(`${shown(path)}:\n${lines.join("\n")}`, "correct the file and try again");
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
  string: "a text",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

function article(expected: string): string {
  return ARTICLES[expected] ?? expected;
}

function knownKeys(place: readonly string[]): string[] {
  const shape = place.length === 0 ? configFileSchema.shape : environmentSchema.shape;
  return Object.keys(shape);
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

function shown(path: string): string {
  return escapeForTerminal(path);
}
