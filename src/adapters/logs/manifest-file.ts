/** The manifest of a folder with logs: anybody may have put something else under its name. */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { type LogManifest, manifestSchema } from "../../domain/logs/manifest.ts";
import { openRegular } from "../regular-file.ts";

/** Windows has no such flag. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);
const MAX_BYTES = 256 * 1024 * 1024;
/** All that `logs pull` writes before the list of the files: texts of 1,300 characters, none more than 6 bytes. */
const HEAD_BYTES = 16 * 1024;
/** No text of JSON can hold it: its quotes would be escaped. */
const FILES = /"files"\s*:\s*\[/;

/** Null for what is not there or is no manifest, for links, pipes and devices, and for what is too long. */
export function readManifest(path: string): Promise<LogManifest | null> {
  return within(path, async (handle) => manifestIn(await handle.readFile("utf8")));
}

/**
 * Of the events that its files were fetched for, null as well where that is everything. Only its head is read:
 * 100,000 files, the most of one pull, take some 40 MiB.
 */
export function readWindow(path: string): Promise<LogManifest["window"]> {
  return within(path, async (handle) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.toString("utf8", 0, bytesRead);
    const end = FILES.exec(head)?.index;
    return end === undefined
      ? null
      : (manifestIn(`${head.slice(0, end)}"files":[]}`)?.window ?? null);
  });
}

function manifestIn(text: string): LogManifest | null {
  return manifestSchema().safeParse(JSON.parse(text)).data ?? null;
}

async function within<T>(
  path: string,
  read: (handle: FileHandle) => Promise<T>,
): Promise<T | null> {
  const handle = await openRegular(path, FLAGS).catch(() => null);
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    return size > MAX_BYTES ? null : await read(handle);
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}
