/** Makes a folder and those above it, for its owner alone. */
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** No real path is deeper. */
const MAX_FOLDERS = 64;

/**
 * One that is there is left as it is. Rejects with the system's error; Node's own recursive `mkdir` spins
 * for ever instead where a file system (as `/proc`) denies that its folders exist.
 */
export async function makeFolder(path: string, depth = 0): Promise<void> {
  if (await isMade(path)) return;
  if (depth < MAX_FOLDERS && dirname(path) !== path) await makeFolder(dirname(path), depth + 1);
  if (await isMade(path)) return;
  throw Object.assign(new Error(`ENOENT: no such file or directory, mkdir '${path}'`), {
    code: "ENOENT",
    syscall: "mkdir",
  });
}

/** False when the folder above is missing. */
async function isMade(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return false;
    const isThere = code === "EEXIST" || code === "EISDIR";
    if (isThere && (await stat(path)).isDirectory()) return true;
    throw error;
  }
}
