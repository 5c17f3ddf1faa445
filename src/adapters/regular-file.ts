/** Opens files of ours that anybody may have replaced: a pipe or a device in their place must not hold us. */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** Windows has none. */
const NO_WAIT = constants.O_NONBLOCK ?? 0;

/** `flags` as `fs.constants`. Rejects with code ENOTFILE for what is no regular file, else as `open` does. */
export async function openRegular(path: string, flags: number, mode?: number): Promise<FileHandle> {
  const file = await open(path, flags | NO_WAIT, mode);
  try {
    if ((await file.stat()).isFile()) return file;
    throw Object.assign(new Error(`${path} is not a regular file`), { code: "ENOTFILE" });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Null when it is not there. */
export async function openIfThere(path: string): Promise<FileHandle | null> {
  return openRegular(path, constants.O_RDONLY).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}
