/** Which files a path means. */
import { constants, fstatSync, openSync, read } from "node:fs";
import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { isLogName, LOG_NAMES, type LogWindow } from "../../domain/logs/batch-name.ts";
import { MANIFEST_FILE } from "../../domain/logs/manifest.ts";
import { counted } from "../../domain/text/format.ts";
import { LocalError } from "../../ports/errors.ts";
import type { FoundLogs, LogSource } from "../../ports/logs.ts";
import { openRegular } from "../regular-file.ts";
import { readWindow } from "./manifest-file.ts";

const PIECE_BYTES = 256 * 1024;

export interface Surroundings {
  cwd: string;
  stdin: () => Promise<AsyncIterable<Uint8Array>>;
}

/** Throws LocalError for a path that is not there: a typo must not look like "no errors". */
export async function findLogs(
  paths: readonly string[],
  { cwd, stdin }: Surroundings,
): Promise<FoundLogs> {
  const sources: LogSource[] = [];
  const warnings: string[] = [];
  const empty: string[] = [];
  for (const path of new Set(paths)) {
    if (path === "-") {
      sources.push({ name: "standard input", bytes: null, open: stdin });
      continue;
    }
    const full = resolve(cwd, path);
    const facts = await stat(full).catch((error: unknown) => {
      throw new LocalError(`cannot read ${path}: ${words(error)}`, { cause: error });
    });
    if (facts.isFIFO()) sources.push({ name: path, bytes: null, open: () => fromPipe(full) });
    else if (!facts.isDirectory())
      sources.push(fileSource(path, full, facts.isFile() ? facts.size : null));
    else {
      const { found, passed } = await filesIn(path, full);
      if (found.length === 0) empty.push(path);
      if (passed > 0)
        warnings.push(
          `${path}: ${counted(passed, "file")} not read: the name does not end in ${LOG_NAMES}`,
        );
      sources.push(...found);
    }
  }
  const [only] = paths;
  const window =
    paths.length === 1 && only !== undefined ? await windowOf(resolve(cwd, only)) : null;
  return { sources, warnings, empty, window };
}

/** Of the events that a folder was fetched for: its files hold others, too. */
async function windowOf(folder: string): Promise<LogWindow | null> {
  const window = await readWindow(join(folder, MANIFEST_FILE));
  if (window === null) return null;
  return { sinceMs: Date.parse(window.since), untilMs: Date.parse(window.until) };
}

/** Links are not followed: they may lead round in a circle, or out of an incident's folder. */
async function filesIn(
  name: string,
  full: string,
): Promise<{ found: LogSource[]; passed: number }> {
  const entries = await readdir(full, { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      throw new LocalError(`cannot read ${name}: ${words(error)}`, { cause: error });
    },
  );
  const files = entries.filter((entry) => !entry.isDirectory() && entry.name !== MANIFEST_FILE);
  const found = files
    .filter((entry) => entry.isFile() && isLogName(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({
      name: join(name, path.slice(full.length)),
      bytes: null,
      // Something else may have its name by then.
      open: async () => piecesOf(() => openRegular(path, constants.O_RDONLY)),
    }));
  return { found, passed: files.length - found.length };
}

function fileSource(name: string, path: string, bytes: number | null): LogSource {
  return { name, bytes, open: async () => piecesOf(() => open(path, "r")) };
}

/** A named pipe, or a shell's `<(zcat ...)`. Waits for a writer, as a plain read does. */
async function fromPipe(path: string): Promise<AsyncIterable<Uint8Array>> {
  const { piecesOfPipe } = await import("./pipe.ts");
  return piecesOfPipe(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
}

/** A file or a pipe without a trail of buffers; a terminal as Node reads it. */
export async function fromStdin(): Promise<AsyncIterable<Uint8Array>> {
  const facts = fstatSync(0);
  if (facts.isFile()) return piecesOfFile(0);
  if (!facts.isFIFO() && !facts.isSocket()) return process.stdin;
  const { piecesOfPipe } = await import("./pipe.ts");
  return piecesOfPipe(0);
}

async function* piecesOf(opened: () => Promise<FileHandle>): AsyncGenerator<Uint8Array> {
  const handle = await opened();
  try {
    yield* piecesOfFile(handle.fd);
  } finally {
    await handle.close();
  }
}

/** Each piece is valid until the next is asked for: a large file leaves no trail of buffers. */
async function* piecesOfFile(fd: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(PIECE_BYTES);
  for (;;) {
    const { bytesRead } = await promisify(read)(fd, buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function words(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOENT" || code === "ENOTDIR") return "no such file or folder";
  return code === "EACCES" || code === "EPERM" ? "permission denied" : `it failed (${code})`;
}
