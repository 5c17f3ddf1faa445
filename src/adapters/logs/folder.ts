/**
 * A folder for downloaded logs: for the owner alone, nothing followed out of it, nothing replaced that
 * is not ours. Files grow under a name with `.part` and are renamed when they are complete.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { lstat, open, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { MANIFEST_FILE } from "../../domain/logs/manifest.ts";
import { safeName } from "../../domain/logs/safe-name.ts";
import { LocalError } from "../../ports/errors.ts";
import type { FileFacts, LogFolder, LogFolders } from "../../ports/logs.ts";
import { local } from "../local-failure.ts";
import { makeFolder } from "../make-folder.ts";
import { othersAt } from "../trusted-path.ts";
import { readManifest } from "./manifest-file.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } =
  constants;
/** Windows has none of them. */
const SAFE = (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0);
const FILE_MODE = 0o600;

export function createLogFolders(cwd: string): LogFolders {
  return {
    nameOf: (key, prefix) =>
      // Not UTF-8, in which all halves of characters are the same.
      safeName(key, prefix, createHash("sha256").update(key, "utf16le").digest("hex")),
    open: (path, from) => local(`open ${path}`, () => openFolder(resolve(cwd, path), path, from)),
  };
}

async function openFolder(at: string, shown: string, from: { named: boolean }): Promise<LogFolder> {
  const others = await othersAt(at, from);
  if (others !== null) throw new LocalError(`cannot open ${shown}: ${others}`);
  await makeFolder(at);
  const place = (name: string): string => {
    // The names are safe ones; this holds even if somebody passes another.
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,250}$/.test(name)) throw new Error("not a safe name");
    return join(at, name);
  };
  const part = (file: string): string => place(`${file}.part`);
  return {
    path: shown,
    manifest: () => readManifest(place(MANIFEST_FILE)),
    saveManifest: (manifest) =>
      local("write the manifest", () =>
        replaceWhole(place(MANIFEST_FILE), `${JSON.stringify(manifest, null, 1)}\n`),
      ),
    facts: (file) => local(`read ${file}`, () => factsOf(place(file))),
    partSize: (file) => local(`look at ${file}.part`, () => sizeOf(part(file))),
    writePart: (file, fromByte, chunks, onBytes) =>
      withPart(part(file), fromByte, (handle) => append(handle, fromByte, chunks, onBytes)),
    keepPart: (file, { replace }) =>
      local(`keep ${file}`, () => keep(part(file), place(file), replace)),
    async setAside(file) {
      const name = `${file}.unverified`;
      await local(`keep ${name}`, () => rename(part(file), place(name)));
      return name;
    },
    dropPart: (file) => local(`remove ${file}.part`, () => rm(part(file), { force: true })),
  };
}

/** Readers see the former one or this one, never a half. */
async function replaceWhole(path: string, text: string): Promise<void> {
  const next = `${path}.next`;
  await rm(next, { force: true });
  const handle = await open(next, O_WRONLY | O_CREAT | O_EXCL | SAFE, FILE_MODE);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, path);
}

/** Null for what is not there, and for links, folders and devices. */
async function factsOf(path: string): Promise<FileFacts | null> {
  const found = await lstat(path).catch(unlessMissing);
  if (found?.isFile() !== true) return null;
  const handle = await open(path, O_RDONLY | SAFE);
  try {
    const sums = new Sums();
    for await (const chunk of handle.createReadStream({ autoClose: false })) sums.add(chunk);
    return sums.facts();
  } finally {
    await handle.close();
  }
}

async function sizeOf(path: string): Promise<number> {
  const found = await lstat(path).catch(unlessMissing);
  return found?.isFile() === true ? found.size : 0;
}

function unlessMissing(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
  throw error;
}

async function withPart<T>(
  path: string,
  fromByte: number,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const fresh = fromByte === 0;
  // A new part takes the place of whatever has its name, and follows no link that stands there.
  const handle = await local(`write ${path}`, async () => {
    if (fresh) await rm(path, { force: true });
    const flags = fresh ? O_RDWR | O_CREAT | O_EXCL | O_TRUNC : O_RDWR | O_APPEND;
    return open(path, flags | SAFE, FILE_MODE);
  });
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function append(
  handle: FileHandle,
  fromByte: number,
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): Promise<FileFacts> {
  const sums = new Sums();
  await local("read what an earlier run left", async () => {
    await handle.truncate(fromByte);
    const earlier = handle.createReadStream({ start: 0, autoClose: false });
    if (fromByte > 0) for await (const chunk of earlier) sums.add(chunk);
  });
  for await (const chunk of chunks) {
    await local("write a log file", () => writeAll(handle, chunk));
    sums.add(chunk);
    onBytes(chunk.byteLength);
  }
  // Not synced to the disk: the manifest's hashes tell when one was lost with the power.
  return sums.facts();
}

/** One write may take less than it was given. */
async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  let done = 0;
  while (done < chunk.byteLength) {
    done += (await handle.write(chunk, done, chunk.byteLength - done)).bytesWritten;
  }
}

async function keep(from: string, to: string, replace: boolean): Promise<void> {
  if (!replace && !(await isEmptyFile(to))) {
    // Claims the name, and fails when anything has it, be it a link to nowhere.
    const claim = await open(to, O_WRONLY | O_CREAT | O_EXCL | SAFE, FILE_MODE);
    await claim.close();
  }
  await rename(from, to);
}

/** What a run that was killed leaves of a name it has just claimed. */
async function isEmptyFile(path: string): Promise<boolean> {
  const found = await lstat(path).catch(unlessMissing);
  return found?.isFile() === true && found.size === 0;
}

class Sums {
  readonly #sha256 = createHash("sha256");
  readonly #md5 = createHash("md5");
  #size = 0;

  add(chunk: Uint8Array): void {
    this.#sha256.update(chunk);
    this.#md5.update(chunk);
    this.#size += chunk.byteLength;
  }

  facts(): FileFacts {
    return { size: this.#size, sha256: this.#sha256.digest("hex"), md5: this.#md5.digest("hex") };
  }
}
