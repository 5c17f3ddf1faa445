/** Folders that do not outlive the process, however it ends. */
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TemporaryFolder {
  path: string;
  remove(): Promise<void>;
}

/** Another one may be removing what is in it: that is tried again. */
const GONE = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 } as const;

/** For its owner alone. */
export async function temporaryFolder(prefix: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  const removeNow = (): void => rmSync(path, GONE);
  process.once("exit", removeNow);
  return {
    path,
    async remove() {
      await rm(path, GONE);
      process.off("exit", removeNow);
    },
  };
}

const NAMES = ["TMPDIR", "TEMP", "TMP"] as const;

/** What `make` takes for the system's folder is `path`; for a library that cannot be given one. */
export function withTemporary<T>(path: string, make: () => T): T {
  const before = NAMES.map((name) => [name, process.env[name]] as const);
  for (const name of NAMES) process.env[name] = path;
  try {
    return make();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
