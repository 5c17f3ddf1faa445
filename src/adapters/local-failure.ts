/** What a file system refuses, in words. */
import { LocalError } from "../ports/errors.ts";

const WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "no such file or folder",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  EEXIST: "a file of that name already exists",
  ENOTDIR: "part of the path is not a folder",
  ELOOP: "it is a symbolic link",
  EISDIR: "it is a folder",
  ENXIO: "it is not a regular file",
  EMFILE: "too many open files",
};

/** Failures of this machine, in words; those of the network pass through untouched. */
export async function local<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    throw new LocalError(`cannot ${what}: ${WORDS[code] ?? message}`, { cause: error });
  }
}
