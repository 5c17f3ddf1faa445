/** Runs the built program as an operator's shell would, bounded, and collects what it said. */

import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { buildLock, modifiedAt } from "./build-lock.ts";
import { HANG_MS } from "./patience.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const NODE = join(ROOT, "node_modules/.bin/node");
export const PROGRAM = join(ROOT, "bin/pixcanary.js");
const BUNDLE = join(ROOT, "dist/cli");
const LOCK = join(ROOT, "dist/cli.lock");

export interface CliResult {
  /** Null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  /** The whole environment: nothing of this process's own is passed on. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Written to standard input, which is then closed; closed at once when absent. */
  input?: string;
  nodeArgs?: readonly string[];
  /** Replaces `node bin/pixcanary.js …`: gets these words, returns the words to run. */
  wrap?: (words: readonly string[]) => readonly string[];
  /** Called once with the running process. */
  onStart?: (child: ChildProcess) => void;
}

/** What a shell gives at the least. Nothing goes on after a test that the next one would meet. */
export const PLAIN_ENV: Readonly<Record<string, string>> = {
  PATH: "/usr/bin:/bin",
  LANG: "C",
  PIXCANARY_BACKGROUND: "off",
};

export async function runCli(
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  const words = [NODE, ...(options.nodeArgs ?? []), PROGRAM, ...args];
  const [file = NODE, ...rest] = options.wrap?.(words) ?? words;
  const spawnOptions: SpawnOptions = {
    env: { ...(options.env ?? PLAIN_ENV) },
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  };
  const child = spawn(file, rest, spawnOptions);
  return collect(child, options);
}

function collect(child: ChildProcess, { input, onStart }: CliOptions): Promise<CliResult> {
  const heard = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout?.on("data", (chunk: Buffer) => heard.stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => heard.stderr.push(chunk));
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input ?? "");
  onStart?.(child);
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => child.kill("SIGKILL"), HANG_MS);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(limit);
      const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString("utf8");
      resolve({ code, signal, stdout: text(heard.stdout), stderr: text(heard.stderr) });
    });
  });
}

/** Builds dist/cli if it is missing or older than its sources. */
export async function ensureCli(): Promise<void> {
  if (await isCurrent()) return;
  await mkdir(join(ROOT, "dist"), { recursive: true });
  const release = await buildLock(LOCK, HANG_MS);
  try {
    if (!(await isCurrent())) await build();
  } finally {
    await release();
  }
}

/** Into a directory of its own and then moved: other test files run the program meanwhile. */
async function build(): Promise<void> {
  const scratch = await mkdtemp(join(ROOT, "dist/build-cli-"));
  try {
    const options = { cwd: ROOT, preferLocal: true, stdin: "ignore", timeout: HANG_MS } as const;
    await execa("node", ["src/dashboard/build.js"], options);
    await execa("tsup", ["--silent", "--out-dir", scratch], options);
    await chmod(scratch, 0o755);
    await rename(BUNDLE, `${scratch}-old`).catch(() => undefined);
    await rename(scratch, BUNDLE);
  } finally {
    await rm(`${scratch}-old`, { recursive: true, force: true });
    await rm(scratch, { recursive: true, force: true });
  }
}

async function isCurrent(): Promise<boolean> {
  const built = await modifiedAt(join(BUNDLE, "main.js"));
  if (built === null) return false;
  const entries = await readdir(join(ROOT, "src"), { recursive: true });
  const sources = entries.filter((name) => name.endsWith(".ts"));
  const paths = [...sources.map((name) => join(ROOT, "src", name)), join(ROOT, "tsup.config.ts")];
  const times = await Promise.all(paths.map(modifiedAt));
  return times.every((time) => time === null || time <= built);
}
