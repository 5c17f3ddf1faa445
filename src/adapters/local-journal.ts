/** The journal's file on this machine: one JSON document a line, for the operator's eyes only. */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "./make-folder.ts";
import { openIfThere, openRegular } from "./regular-file.ts";

const { O_APPEND, O_CREAT, O_RDWR } = constants;

const MAX_TAIL_BYTES = 1024 * 1024;

export interface LocalFile {
  readonly path: string;
  append(line: string): Promise<void>;
  /** The complete lines in the file's last mebibyte, in order. */
  tail(): Promise<string[]>;
}

export function localJournal(folder: string): LocalFile {
  const path = join(folder, "journal.ndjson");
  return {
    path,
    async append(line) {
      await makeFolder(folder);
      const file = await openRegular(path, O_RDWR | O_APPEND | O_CREAT, 0o600);
      try {
        const { size } = await file.stat();
        // A crash may have left half a line: it must not swallow this one.
        const text = (await endsOpen(file, size)) ? `\n${line}\n` : `${line}\n`;
        const bytes = Buffer.from(text);
        const { bytesWritten } = await file.write(bytes);
        if (bytesWritten < bytes.length)
          throw Object.assign(new Error("short"), { code: "ENOSPC" });
      } finally {
        await file.close();
      }
    },
    tail: () => readTail(path),
  };
}

async function endsOpen(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  const { bytesRead } = await file.read(last, 0, 1, size - 1);
  return bytesRead === 1 && last[0] !== 0x0a;
}

/** Its last complete lines; none when there is no such file. */
export async function readTail(path: string): Promise<string[]> {
  const file = await openIfThere(path);
  if (file === null) return [];
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - MAX_TAIL_BYTES);
    const buffer = Buffer.alloc(Math.min(size, MAX_TAIL_BYTES));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
    if (start > 0) lines.shift();
    return lines.filter((line) => line.trim() !== "");
  } finally {
    await file.close();
  }
}
