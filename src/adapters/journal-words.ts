/** Why the journal could not be read or written, in words. */
import { remoteText } from "./redact.ts";

/** ApiFailures are redacted already; a file error names its path and code. */
export function journalWords(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return FILE_WORDS[error.code] ?? error.code;
  }
  return remoteText((text) => text, error instanceof Error ? error.message : String(error), 300);
}

const FILE_WORDS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "the folder cannot be made",
  ENOTDIR: "part of the path is not a folder",
  EISDIR: "is a folder",
  ENOTFILE: "is not a regular file",
  ENXIO: "is not a regular file",
  EDQUOT: "the disk quota is used up",
};
