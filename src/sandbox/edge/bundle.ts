/** Finds the built Worker, and what its configuration file says about the runtime. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { STUB_WORKER } from "./scripts.ts";

const FALLBACK_COMPATIBILITY_DATE = "2026-07-01";

/** The directory of the project's package.json, from `src/` and from a bundle in `dist/` alike. */
export function packageRoot(from: string = import.meta.url): string {
  let directory = dirname(fileURLToPath(from));
  while (!existsSync(join(directory, "package.json"))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error("no package.json above the sandbox");
    directory = parent;
  }
  return directory;
}

export interface WorkerBundle {
  script: string;
  compatibilityDate: string;
  /** False: the stub, because nothing has been built. */
  built: boolean;
}

export function loadWorker(
  root: string,
  path: string = join(root, "dist/worker/index.js"),
): WorkerBundle {
  const built = existsSync(path);
  return {
    script: built ? readFileSync(path, "utf8") : STUB_WORKER,
    compatibilityDate: compatibilityDate(join(root, "worker/wrangler.jsonc")),
    built,
  };
}

function compatibilityDate(path: string): string {
  if (!existsSync(path)) return FALLBACK_COMPATIBILITY_DATE;
  const found = /"compatibility_date"\s*:\s*"(\d{4}-\d{2}-\d{2})"/.exec(readFileSync(path, "utf8"));
  return found?.[1] ?? FALLBACK_COMPATIBILITY_DATE;
}
