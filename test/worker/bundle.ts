/** The bundle that `wrangler deploy` would upload. */

import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { buildLock, modifiedAt } from "../support/build-lock.ts";
import { HANG_MS } from "../support/patience.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url).href);
const NODE = join(ROOT, "node_modules/.bin/node");
const BUNDLE = join(ROOT, "dist/worker/index.js");
const LOCK = join(ROOT, "dist/worker.lock");

/** Builds dist/worker/index.js if it is missing or older than its sources; returns its path. */
export async function ensureBundle(): Promise<string> {
  if (await isCurrent()) return BUNDLE;
  await mkdir(join(ROOT, "dist"), { recursive: true });
  const release = await buildLock(LOCK, HANG_MS);
  try {
    if (!(await isCurrent())) await build();
  } finally {
    await release();
  }
  return BUNDLE;
}

/** `wrangler deploy --dry-run` of the sources; throws with its output when it refuses. */
export function dryRun(environment: string, outdir: string): Promise<unknown> {
  return execa(NODE, ["worker/build.js", environment, outdir], {
    cwd: ROOT,
    stdin: "ignore",
    timeout: HANG_MS,
    env: { WRANGLER_SEND_METRICS: "false", CI: "true" },
  });
}

/** Into a directory of its own and then moved, so that nobody sees half a bundle. */
async function build(): Promise<void> {
  const scratch = await mkdtemp(join(ROOT, "dist/build-"));
  try {
    await dryRun("staging", scratch);
    await mkdir(join(ROOT, "dist/worker"), { recursive: true });
    await rename(join(scratch, "index.js"), BUNDLE);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function isCurrent(): Promise<boolean> {
  const built = await modifiedAt(BUNDLE);
  if (built === null) return false;
  const folders = await Promise.all(["worker", "src/domain", "src/dashboard"].map(sources));
  const times = await Promise.all(folders.flat().map(modifiedAt));
  return times.every((time) => time === null || time <= built);
}

async function sources(folder: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true });
  const kept = entries.filter(
    (name) => /\.(ts|jsonc|js|css|html)$/.test(name) && !name.startsWith("."),
  );
  return kept.map((name) => join(ROOT, folder, name));
}
