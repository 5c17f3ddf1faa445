/**
 * A folder of reports. A document is read completely or not at all, as what is not read would be
 * lost when it is written again; no link is followed, neither out of the folder nor, for a folder that is named
 * relative to the working directory, out of that.
 */
import { constants } from "node:fs";
import { open, readdir, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { LocalError } from "../ports/errors.ts";
import type { ReportFolder, ReportFolders } from "../ports/reports.ts";
import { local } from "./local-failure.ts";
import { makeFolder } from "./make-folder.ts";
import { othersAt } from "./trusted-path.ts";
import { writeWhole } from "./whole-file.ts";

/** Windows has none of them. */
const SAFE = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/;
/** Of a document with charts beside it; nobody writes a longer one. */
const MAX_BYTES = 8 * 1024 * 1024;
const NEW_MODE = 0o600;

export function createReportFolders(cwd: string): ReportFolders {
  return {
    at(path, from) {
      const folder = resolve(cwd, path);
      const inside = isAbsolute(path) ? null : cwd;
      const safely = <T>(what: string, work: () => Promise<T>): Promise<T> =>
        inWords(what, async () => {
          const others = await othersAt(folder, from);
          if (others !== null) throw new Refused(others);
          return work();
        });
      return {
        path,
        names: () => safely(`read ${path}`, () => namesIn(folder, inside)),
        read: (name) => safely(`read ${join(path, name)}`, () => read(folder, name, inside)),
        write: (name, text, before) =>
          safely(`write ${join(path, name)}`, () => write({ folder, name, inside }, text, before)),
      } satisfies ReportFolder;
    },
  };
}

interface Place {
  folder: string;
  name: string;
  /** What the folder must lie in; null: anywhere. */
  inside: string | null;
}

async function namesIn(folder: string, inside: string | null): Promise<string[]> {
  await refuseOutside(folder, inside);
  const found = await readdir(folder, { withFileTypes: true }).catch(unlessMissing);
  return (found ?? []).filter((one) => one.isFile()).map(({ name }) => name);
}

async function read(folder: string, name: string, inside: string | null): Promise<string | null> {
  await refuseOutside(folder, inside);
  const found = await contentOf(folder, name);
  return found?.text ?? null;
}

async function write(
  { folder, name, inside }: Place,
  text: string,
  before: string | null,
): Promise<void> {
  // Before anything is made: a folder, too, would be made out there.
  await refuseOutside(folder, inside);
  await makeFolder(folder);
  const present = await contentOf(folder, name);
  if ((present?.text ?? null) !== before) throw new Refused("it was changed meanwhile");
  await writeWhole(join(folder, name), text, present?.mode ?? NEW_MODE);
}

async function contentOf(
  folder: string,
  name: string,
): Promise<{ text: string; mode: number } | null> {
  if (!NAME.test(name)) throw new Error("not a plain name");
  const handle = await open(join(folder, name), constants.O_RDONLY | SAFE).catch(unlessMissing);
  if (handle === null) return null;
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new Refused("it is not a regular file");
    if (facts.size > MAX_BYTES) throw new Refused("it is longer than 8 MiB");
    return { text: decoded(await handle.readFile()), mode: facts.mode & 0o777 };
  } finally {
    await handle.close();
  }
}

/** Bytes that are no UTF-8 would come back as others. */
function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused("it is not UTF-8: save it as UTF-8 first");
  }
}

async function refuseOutside(folder: string, inside: string | null): Promise<void> {
  if (inside === null) return;
  const way = relative(await realpath(inside), await realOf(folder));
  const named = relative(inside, folder);
  // A folder that is named as outside (`../reports`) is meant to be.
  if (!way.startsWith("..") || named.startsWith("..")) return;
  throw new Refused("a symbolic link leads out of this folder: name the folder itself with --out");
}

/** Of the nearest folder that is there: those below it will be made. */
async function realOf(folder: string): Promise<string> {
  const real = await realpath(folder).catch(unlessMissing);
  if (real !== null || dirname(folder) === folder) return real ?? folder;
  return realOf(dirname(folder));
}

function unlessMissing(error: unknown): null {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
  throw error;
}

/** Something that is none of the system's: the document or its place is not one to write to. */
class Refused extends Error {}

async function inWords<T>(what: string, work: () => Promise<T>): Promise<T> {
  return local(what, work).catch((error: unknown) => {
    throw error instanceof Refused ? new LocalError(`cannot ${what}: ${error.message}`) : error;
  });
}
