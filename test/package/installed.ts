/** The package as `npm pack` makes it, installed into an empty folder without a network. */
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { NODE, PLAIN_ENV, ROOT } from "../support/cli.ts";
import { HANG_MS } from "../support/patience.ts";

export interface Installed {
  /** What is in the tarball, relative to its root. */
  files: string[];
  /** The folder that it was installed into. */
  folder: string;
  /** The package inside it. */
  root: string;
  run(words: readonly string[], options?: RunOptions): Promise<Ended>;
  remove(): Promise<void>;
}

interface RunOptions {
  nodeArgs?: readonly string[];
  env?: Record<string, string>;
}

interface Ended {
  code: number | undefined;
  stdout: string;
  stderr: string;
}

/** `prepack` builds in a copy: other test files use this clone's `dist` meanwhile. */
const NOT_COPIED = new Set([".git", "node_modules", "dist", "test", "bench", ".wrangler"]);

export async function installPackage(): Promise<Installed> {
  const scratch = await mkdtemp(join(tmpdir(), "pixcanary-package-"));
  const [copy, folder, home] = ["copy", "empty", "home"].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  await Promise.all([copy, folder, home].map((path) => mkdir(path)));
  const kept = (await readdir(ROOT)).filter((name) => !NOT_COPIED.has(name));
  await Promise.all(
    kept.map((name) => cp(join(ROOT, name), join(copy, name), { recursive: true })),
  );
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  const cache = ["--cache", join(scratch, "cache"), "--loglevel", "error"];
  const { stdout } = await npm(copy, ["pack", "--json", "--pack-destination", scratch, ...cache]);
  // What prepack says comes before.
  const [packed] = JSON.parse(stdout.slice(stdout.search(/^[[{]\s*$/m))) as [Packed];
  const tarball = join(scratch, packed.filename);
  await npm(folder, ["install", "--offline", "--no-audit", "--no-fund", ...cache, tarball]);
  return {
    files: packed.files.map(({ path }) => path).sort(),
    folder,
    root: join(folder, "node_modules/pixcanary"),
    run: (words, options) => run(folder, home, words, options),
    remove: () => rm(scratch, { recursive: true, force: true }),
  };
}

interface Packed {
  filename: string;
  files: { path: string }[];
}

function npm(cwd: string, words: readonly string[]) {
  return execa("npm", words, { cwd, stdin: "ignore", timeout: HANG_MS });
}

/** By the link that npm made, as a shell finds it. */
async function run(
  folder: string,
  home: string,
  words: readonly string[],
  { nodeArgs = [], env = {} }: RunOptions = {},
): Promise<Ended> {
  const program = join(folder, "node_modules/.bin/pixcanary");
  const { exitCode, stdout, stderr } = await execa(NODE, [...nodeArgs, program, ...words], {
    cwd: folder,
    env: { ...PLAIN_ENV, HOME: home, CI: "true", ...env },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    timeout: HANG_MS,
  });
  return { code: exitCode, stdout, stderr };
}
