/** Finds and reads `pixcanary.json`; mistakes in it become one plain message each. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { z } from "zod";
import {
  type ConfigFile,
  configFileSchema,
  environmentForRelief,
  reliefFileSchema,
} from "../domain/config/environment.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import { shellWord } from "../domain/text/invocation.ts";
import { ownConfigDir } from "./allowed-hosts.ts";
import { linesOf } from "./config-issues.ts";
import { toUtf8 } from "./encoding.ts";
import type { JsonMistake } from "./json-position.ts";
import { readJsonc } from "./jsonc.ts";
import { examinePath } from "./trusted-path.ts";

export const CONFIG_FILE_NAME = "pixcanary.json";
const MAX_CONFIG_BYTES = 256 * 1024;
/** No real path is deeper. */
const MAX_FOLDERS = 64;

/** A configuration that is missing or cannot be used. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly hint: string;
  /** There is none at all: for what can do without. */
  readonly missing: boolean;
  /** Somebody else may have put it there: nothing in it was read. */
  readonly planted: boolean;
  /** Which of the two ids could be read all the same. */
  readonly known: KnownIds;
  constructor(message: string, hint: string, more: Partial<ConfigErrorFacts> = {}) {
    super(message);
    this.hint = hint;
    this.missing = more.missing ?? false;
    this.planted = more.planted ?? false;
    this.known = more.known ?? {};
  }
}

type ConfigErrorFacts = Pick<ConfigError, "missing" | "planted" | "known">;

export interface KnownIds {
  accountId?: string;
  namespaceId?: string;
}

export interface Unusable {
  why: ConfigError;
  /** As it stands in the file. */
  raw: unknown;
}

export interface LoadedConfig {
  /** Absolute. Relative paths in the configuration start from its folder. */
  path: string;
  config: ConfigFile;
  /** For relief: environments that the file names and that cannot be used at all. */
  unusable: ReadonlyMap<string, Unusable>;
  /** For relief: why the file as a whole cannot be read, so that it may name more environments. */
  broken: ConfigError | null;
  /** For relief: mistakes that do not matter to it, one line each. */
  warnings: readonly string[];
}

export interface ConfigSources {
  cwd: string;
  /** Chosen by the operator (`--config`, PIXCANARY_CONFIG): taken as it is. */
  explicitPath?: string | undefined;
  /** The operator's own folder comes last; without these there is none. */
  own?: { env: Readonly<Record<string, string | undefined>>; home: string };
}

/**
 * Throws ConfigError. An explicit path is taken as it is; else the nearest file upwards from `cwd`, else
 * the one in the operator's own folder, which must be yours or root's, on a way that nobody else can change.
 */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { path, text } = await findConfig(sources);
  const config = await parseConfigFile(text, path);
  return { path, config, unusable: new Map(), broken: null, warnings: [] };
}

/**
 * The same file for relief: a mistake in one place does not make the rest unusable, and without a file
 * that can be read, what there is instead is nothing, and why.
 */
export async function loadForRelief(sources: ConfigSources): Promise<LoadedConfig> {
  try {
    const { path, text } = await findConfig(sources);
    return { path, ...(await parseForRelief(text, path)) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const path = resolve(sources.cwd, sources.explicitPath ?? CONFIG_FILE_NAME);
    return { path, ...NOTHING_READ, broken: error };
  }
}

const NOTHING_READ = { config: { environments: {} }, unusable: new Map(), warnings: [] } as const;

async function findConfig(sources: ConfigSources): Promise<{ path: string; text: string }> {
  const { cwd, explicitPath, own } = sources;
  if (explicitPath !== undefined) {
    const path = resolve(cwd, explicitPath);
    const text = await readText(path);
    if (text !== null) return { path, text };
    throw new ConfigError(`file not found: ${shown(path)}`, "check --config or PIXCANARY_CONFIG");
  }
  const ownPath = own === undefined ? null : join(ownConfigDir(own), CONFIG_FILE_NAME);
  for (const path of [...upwards(resolve(cwd)), ...(ownPath === null ? [] : [ownPath])]) {
    const text = await readTrusted(path).catch((error) => pointToOwn(error, ownPath));
    if (text !== null) return { path, text };
  }
  const elsewhere = ownPath === null ? "" : `, nor ${shown(ownPath)}`;
  const message = `no ${CONFIG_FILE_NAME} in ${shown(resolve(cwd))} or above${elsewhere}`;
  const hint = "use --config <path>, or create one (see README)";
  throw new ConfigError(message, hint, { missing: true });
}

/**
 * Who has a file of his own is not led to one that others can write. Nor is his own used unasked: in the folder of
 * another project, a stop would go to the wrong Worker.
 */
async function pointToOwn(error: unknown, ownPath: string | null): Promise<never> {
  if (!(error instanceof ConfigError && error.planted) || ownPath === null) throw error;
  const own = await findTrusted(ownPath, "--config").catch(() => null);
  if (own === null) throw error;
  throw new ConfigError(error.message, `--config ${quoted(ownPath)}`, { planted: true });
}

function upwards(folder: string): string[] {
  const paths: string[] = [];
  for (let at = folder; paths.length < MAX_FOLDERS; at = dirname(at)) {
    paths.push(join(at, CONFIG_FILE_NAME));
    if (dirname(at) === at) break;
  }
  return paths;
}

/** For a configuration that nobody has named, as `findTrusted`. */
export async function readTrusted(path: string): Promise<string | null> {
  const real = await findTrusted(path, "--config");
  return real === null ? null : readText(real);
}

/**
 * Where a file is that nobody has named, without symbolic links. Null when it is not there; throws
 * ConfigError where others could have put it there, with the flag that takes it all the same. To be asked
 * before the file is read: on a way that is safe, nobody can exchange it in between.
 */
export async function findTrusted(path: string, flag: string): Promise<string | null> {
  const found = await examinePath(path).catch((error: unknown) => unreadable(error, path));
  if (found === null) return null;
  if (found.problem === null) return found.real;
  const why = shown(found.problem);
  throw new ConfigError(
    `found ${shown(path)} and did not read it: ${why}`,
    `${flag} ${quoted(path)}   # only if you trust it`,
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
      return toUtf8(buffer.subarray(0, size)).replace(/^\uFEFF/, "");
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

/** `path` is for messages only. Rejects with ConfigError. */
export async function parseConfigFile(text: string, path: string): Promise<ConfigFile> {
  const read = await readJsonc(text);
  if (read.mistake !== null) throw notJson(read.mistake, path);
  const parsed = parseStrictly(read.value);
  if (parsed.success) return parsed.data;
  throw configError(path, parsed.error.issues);
}

/** As much as relief needs, and what is wrong with the rest. Rejects with ConfigError. */
export async function parseForRelief(
  text: string,
  path: string,
): Promise<Omit<LoadedConfig, "path">> {
  const read = await readJsonc(text);
  const broken = read.mistake === null ? null : notJson(read.mistake, path);
  const strict = parseStrictly(read.value);
  const unusable = new Map<string, Unusable>();
  if (strict.success && broken === null)
    return { config: strict.data, unusable, broken, warnings: [] };
  const issues = strict.error?.issues ?? [];
  const found = reliefFileSchema.safeParse(read.value);
  if (!found.success) throw broken ?? configError(path, issues);
  const environments: ConfigFile["environments"] = {};
  for (const [name, raw] of Object.entries(found.data.environments)) {
    const environment = environmentForRelief(name, raw);
    const own = issues.filter((issue) => issue.path[1] === name);
    if (environment !== null) environments[name] = environment;
    else unusable.set(name, { raw, why: broken ?? configError(path, own) });
  }
  const warnings =
    broken === null ? linesOf(issues).map((line) => `${shown(path)}: ${line}`) : [broken.message];
  return { config: { environments }, unusable, broken, warnings };
}

function notJson(mistake: JsonMistake, path: string): ConfigError {
  const place = `${shown(path)}:${mistake.line}:${mistake.column}`;
  const message = `${place}: not JSON: ${escapeForTerminal(mistake.what)}`;
  return new ConfigError(message, "correct the file and try again");
}

function parseStrictly(raw: unknown) {
  // Only the input tells a missing field from one of the wrong type.
  return configFileSchema.safeParse(raw, { reportInput: true });
}

function configError(path: string, issues: readonly z.core.$ZodIssue[]): ConfigError {
  const lines = linesOf(issues).map((line) => `  ${line}`);
  return new ConfigError(`${shown(path)}:\n${lines.join("\n")}`, "correct the file and try again");
}

/** One word for a shell, when nothing in it had to be escaped for the terminal. */
function quoted(path: string): string {
  return shellWord(shown(path));
}

function shown(path: string): string {
  return escapeForTerminal(path);
}
