/** What pixcanary.json and wrangler's file say of an environment before `setup`. */
import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import type * as z from "zod";
import { CONFIG_FILE_NAME, findTrusted, readTrusted } from "../../adapters/config-file.ts";
import { environmentName } from "../../domain/config/environment.ts";
import { fieldAt, fieldsOf } from "../../domain/setup/config-edit.ts";
import { readWrangler, type WranglerFacts } from "../../domain/setup/wrangler-edit.ts";
import { LocalError } from "../../ports/errors.ts";
import type { ConfigFiles } from "../../ports/setup.ts";
import { UsageError } from "../errors.ts";
import type { GlobalFlags } from "../program.ts";
import type { Shell } from "../shell.ts";
import type { SetupInput } from "./setup-flags.ts";
import { question } from "./setup-questions.ts";

const WRANGLER_FILES = ["wrangler.jsonc", "wrangler.json", "wrangler.toml"];

export interface Known {
  env: string;
  configPath: string;
  wranglerPath: string | null;
  present: unknown;
  wrangler: WranglerFacts | null;
}

/** Throws UsageError and ConfigError; asks for the environment's name where none is given. */
export async function readKnown(
  own: SetupInput,
  flags: GlobalFlags,
  shell: Shell,
  configFiles: ConfigFiles,
): Promise<Known> {
  const named = flags.config ?? (shell.env.PIXCANARY_CONFIG || undefined);
  const configPath = resolve(shell.cwd, named ?? CONFIG_FILE_NAME);
  if (named === undefined) await readTrusted(configPath);
  const file = await readable(configFiles, configPath);
  const all = Object.keys(fieldsOf(fieldAt(file, "environments")));
  const only = all.length === 1 ? all[0] : undefined;
  const env =
    flags.env ||
    shell.env.PIXCANARY_ENV ||
    only ||
    (await question(shell, {
      what: "name of the environment",
      flag: "--env <name>",
      suggested: "production",
      problemOf: (text) => problemIn(environmentName, text),
    }));
  const problem = problemIn(environmentName, env);
  if (problem !== undefined) {
    throw new UsageError(`the environment's name ${problem}`, "--env <name>");
  }
  const wranglerPath = await wranglerFile(own, shell);
  const content = wranglerPath === null ? null : await readable(configFiles, wranglerPath);
  const facts = content === null ? null : readWrangler(content, env);
  const wrangler = facts === null || "names" in facts ? null : facts;
  const present = fieldAt(file, "environments", env);
  return { env, configPath, wranglerPath, present, wrangler };
}

/** What is wrong with it, in words. */
export function problemIn(schema: z.ZodType, value: unknown): string | undefined {
  return schema.safeParse(value).error?.issues[0]?.message;
}

async function readable(files: ConfigFiles, path: string): Promise<unknown> {
  try {
    return (await files.read(path))?.value ?? null;
  } catch (error) {
    if (!(error instanceof LocalError)) throw error;
    throw new UsageError(error.message, "correct the file and try again");
  }
}

/** One that was found names the Worker and the buckets, and is deployed: nobody else may have put it there. */
async function wranglerFile({ wrangler }: SetupInput, { cwd }: Shell): Promise<string | null> {
  if (wrangler !== undefined) {
    const path = resolve(cwd, wrangler);
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
    throw new UsageError(`file not found: ${path}`, "check --wrangler");
  }
  for (const name of WRANGLER_FILES.flatMap((file) => [join("worker", file), file])) {
    const path = resolve(cwd, name);
    if ((await findTrusted(path, "--wrangler")) !== null) return path;
  }
  return null;
}

/** A setting of the environment as its file has it. */
export function textAt(present: unknown, name: string): string | undefined {
  const value = fieldAt(present, name);
  return typeof value === "string" && value !== "" ? value : undefined;
}
