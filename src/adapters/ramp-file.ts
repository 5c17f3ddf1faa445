/** The file of an attached ramp, and its lock. */
import { createHash, randomUUID } from "node:crypto";
import { link, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LocalError } from "../ports/errors.ts";
import type { RampFile } from "../ports/machine.ts";
import { makeFolder } from "./make-folder.ts";
import { isAlive, startOf } from "./process-life.ts";
import type { StatePlace } from "./state-folder.ts";
import { formerFolder, isFormerOurs, stateFolder } from "./state-folder.ts";
import { readText, writeWhole } from "./whole-file.ts";

/** As many takers may die one after the other before somebody has to remove the lock by hand. */
const MAX_CLAIMS = 20;
const LEFT_BY_TAKERS = /^ramp\.lock\..+\.(?:new|claim)$/;
/** A file that is empty for so long is not being written any more. */
const WRITING_MS = 60_000;

export function createRampFile(place: StatePlace): RampFile {
  const folder = stateFolder(place);
  const path = join(folder, "ramp.json");
  const lockPath = join(folder, "ramp.lock");
  const formerPath = join(formerFolder(place), "ramp.json");
  const formerLock = join(formerFolder(place), "ramp.lock");
  /** A process of an earlier version that still carries out a ramp of this namespace. */
  const isFormerAlive = async (): Promise<boolean> =>
    (await isAlive(await readText(formerLock))) && (await isFormerOurs(place));
  const own = async (): Promise<string> => `${process.pid} ${await startOf(process.pid)}`;
  return {
    path,
    async read() {
      return guarded(path, async () => {
        const text = await readText(path);
        if (text !== null || !(await isFormerOurs(place))) return text;
        return readText(formerPath);
      });
    },
    async write(text) {
      await guarded(path, async () => {
        await makeFolder(folder);
        await writeWhole(path, text);
      });
    },
    async lock() {
      return guarded(lockPath, async () => {
        await makeFolder(folder);
        if (await isFormerAlive()) return "taken";
        if (!(await take(lockPath, await own()))) return "taken";
        await sweep(folder).catch(() => undefined);
        return "ours";
      });
    },
    isLocked: () =>
      guarded(
        lockPath,
        async () => (await isAlive(await readText(lockPath))) || (await isFormerAlive()),
      ),
    async unlock() {
      const text = await readText(lockPath).catch(() => null);
      if (text === (await own())) await rm(lockPath, { force: true });
    },
  };
}

/** Nobody can see it half-written: a link to a whole file is made at once, or not at all. */
async function createLock(path: string, text: string): Promise<boolean> {
  const aside = await writeAside(path, text);
  try {
    await link(aside, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function take(path: string, text: string): Promise<boolean> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (await createLock(path, text)) return true;
    const held = await readText(path);
    if (await isAlive(held)) return false;
    if (held !== null && (await succeed(path, held, text))) return true;
  }
  return false;
}

/**
 * What takers that were killed have left beside the lock. Only by its new holder: a claim of a dead process is to
 * a lock that is gone by then, and whoever still holds one of these is alive, or is writing it.
 */
async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder);
  for (const name of names.filter((one) => LEFT_BY_TAKERS.test(one))) {
    const path = join(folder, name);
    const text = await readText(path);
    const isWritten = text?.includes(" ") === true;
    const isOld = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? 0) > WRITING_MS;
    if (isWritten ? !(await isAlive(text)) : isOld) await rm(path, { force: true });
  }
}

/**
 * Takes the place of a dead process: only who holds the claim to its lock may replace it, and replaces it at
 * once. Removing it instead would remove what somebody faster has put there. A claimant that died is
 * succeeded in the same way. `dead` is the lock's text as it was read, `text` the new one; true when it is
 * ours. Throws what the disk says.
 */
export async function succeed(path: string, dead: string, text: string): Promise<boolean> {
  const claims: string[] = [];
  for (let holder: string | null = dead; claims.length < MAX_CLAIMS; ) {
    const claim = claimTo(path, holder);
    if (await createLock(claim, text)) {
      claims.push(claim);
      break;
    }
    holder = await readText(claim);
    if (holder === null || (await isAlive(holder))) return false;
    claims.push(claim);
  }
  const own = claims.at(-1) ?? path;
  if ((await readText(own)) !== text) return false;
  // Claims go after the lock was replaced: a claim that is free again may be to a lock that is gone.
  const won = (await readText(path)) === dead;
  if (won) {
    await rename(await writeAside(path, text), path);
  }
  for (const claim of won ? claims : [own]) await rm(claim, { force: true });
  return won;
}

/** Not flushed: after a power cut its process is dead, whatever the file says. */
async function writeAside(path: string, text: string): Promise<string> {
  const aside = `${path}.${randomUUID()}.new`;
  await writeFile(aside, text, { flag: "wx", mode: 0o600 });
  return aside;
}

function claimTo(path: string, holder: string): string {
  return `${path}.${createHash("sha256").update(holder).digest("hex").slice(0, 16)}.claim`;
}

async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new LocalError(`${path}: ${codeOf(error) ?? "error"}`, { cause: error });
  }
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error ? String(error.code) : null;
}
