/** Small files that a crash leaves as they were or as they are to be: written aside, flushed, put in place. */
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { openIfThere } from "./regular-file.ts";

const MAX_BYTES = 256 * 1024;

/** On disk when it resolves. Rejects with the system's error. */
export async function writeWhole(path: string, text: string, mode = 0o600): Promise<void> {
  await rename(await writeAside(path, text, mode), path);
  await flushFolder(dirname(path));
}

/** On disk beside `path`; returns its name, for what is to be put in place otherwise. */
export async function writeAside(path: string, text: string, mode = 0o600): Promise<string> {
  const aside = `${path}.${process.pid}.new`;
  await writeFlushed(aside, text, mode);
  return aside;
}

async function writeFlushed(path: string, text: string, mode: number): Promise<void> {
  // A name of ours: whatever a killed run or somebody else left there goes first.
  await rm(path, { force: true });
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(text);
    // As it is to be, whatever the umask takes away from a new file.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A rename is on disk when its folder is. Not every system can flush one. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** The first 256 KiB; null when there is no such file. */
export async function readText(path: string): Promise<string | null> {
  const file = await openIfThere(path);
  if (file === null) return null;
  try {
    const buffer = Buffer.alloc(MAX_BYTES);
    const { bytesRead } = await file.read(buffer, 0, MAX_BYTES, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}
