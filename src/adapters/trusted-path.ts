/** Whether anybody but you and root decides what a path leads to. */
import { lstat, readFile, readlink } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join, sep } from "node:path";

/** As the kernel allows. */
const MAX_LINKS = 40;
const GROUP_OR_OTHERS = 0o022;
const STICKY = 0o1000;

export interface Examined {
  /** Without symbolic links. */
  real: string;
  /** In words, who else decides; null when nobody does. */
  problem: string | null;
}

/**
 * Looks at every folder and link on the way (`path` is absolute): who may write to a folder can exchange
 * what is in it. Throws what the file system says, e.g. ENOENT.
 */
export async function examinePath(path: string): Promise<Examined> {
  const me = process.geteuid?.();
  const rest = path.split(sep).filter(Boolean);
  let at: string = sep;
  let links = 0;
  let problem = me === undefined ? null : await othersIn(at, me);
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const next = part === ".." ? dirname(at) : join(at, part);
    const entry = await lstat(next).catch((error: NodeJS.ErrnoException) => {
      // Others who lead it to where you may not look must not hide that they do.
      if (problem === null || error.code === "ENOENT" || error.code === "ENOTDIR") throw error;
      return null;
    });
    if (entry === null) return { real: next, problem };
    if (me !== undefined) problem ??= await othersIn(next, me);
    if (!entry.isSymbolicLink()) {
      at = next;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return { real: next, problem: problem ?? `${next} is a circular link` };
    const target = await readlink(next);
    if (target.startsWith(sep)) at = sep;
    rest.unshift(...target.split(sep).filter((name) => name !== "" && name !== "."));
  }
  return { real: at, problem };
}

/**
 * Who else decides over a folder, or over where it would be made, with what to type all the same. Null when nobody
 * does, or when the operator has named it.
 */
export async function othersAt(folder: string, from: { named: boolean }): Promise<string | null> {
  if (from.named) return null;
  try {
    const { problem } = await examinePath(folder);
    return problem === null ? null : `${problem}: name the folder with --out if you trust it`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" || dirname(folder) === folder) throw error;
    return othersAt(dirname(folder), from);
  }
}

async function othersIn(path: string, me: number): Promise<string | null> {
  const entry = await lstat(path);
  if (entry.uid !== me && entry.uid !== 0) return `${path} belongs to user ${entry.uid}`;
  // The mode of a link says nothing; in a sticky folder, each may exchange only his own.
  if (entry.isSymbolicLink() || (entry.mode & GROUP_OR_OTHERS) === 0) return null;
  if (entry.isDirectory() && (entry.mode & STICKY) !== 0) return null;
  if ((entry.mode & 0o002) === 0 && (await isMineAlone(entry.gid, me))) return null;
  return `others can write to ${path} (mode ${(entry.mode & 0o7777).toString(8).padStart(4, "0")})`;
}

/**
 * A user's private group: where the umask is 002, all that he makes is writable to it. OpenSSH on
 * Debian has the same exception.
 */
async function isMineAlone(gid: number, me: number): Promise<boolean> {
  if (me === 0 || gid !== process.getegid?.()) return false;
  const username = myName();
  const rows = async (file: string) =>
    (await readFile(file, "utf8").catch(() => "")).split("\n").map((row) => row.split(":"));
  const group = (await rows("/etc/group")).find((row) => row[2] === String(gid));
  if (group?.[0] !== username) return false;
  const members = (group[3] ?? "").split(",").filter(Boolean);
  const primary = (await rows("/etc/passwd")).filter((row) => row[3] === String(gid));
  return [...members, ...primary.map(([name]) => name)].every((name) => name === username);
}

/** Null for a user id without an entry. */
function myName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}
