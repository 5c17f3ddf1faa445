/**
 * Where this machine keeps what belongs to one namespace of one account: the journal, an attached ramp and
 * its lock. By their ids, as two accounts may both have a `production`; what an earlier version kept by the
 * environment's name is still read, where it is known to be of this namespace.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseJournalEntry } from "../domain/state/journal.ts";
import { readTail } from "./local-journal.ts";

export interface StatePlace {
  /** The folder of all accounts, see `defaultStateDir`. */
  stateDir: string;
  env: string;
  accountId: string;
  namespaceId: string;
}

/** `$XDG_STATE_HOME/pixcanary`, by default `~/.local/state/pixcanary`. */
export function defaultStateDir(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): string {
  const base = env.XDG_STATE_HOME;
  const absolute = base?.startsWith("/") === true;
  return join(absolute && base !== undefined ? base : join(home, ".local", "state"), "pixcanary");
}

export function stateFolder({ stateDir, accountId, namespaceId }: StatePlace): string {
  return join(stateDir, segment(accountId), segment(namespaceId));
}

/** Of an earlier version. */
export function formerFolder({ stateDir, env }: StatePlace): string {
  return join(stateDir, env.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64) || "_");
}

/** By its journal: the newest entry that says of which namespace it is. Never rejects. */
export async function isFormerOurs(place: StatePlace): Promise<boolean> {
  const lines = await readTail(join(formerFolder(place), "journal.ndjson")).catch(() => []);
  const namespaces = lines.map((line) => parseJournalEntry(line)?.namespace ?? null);
  return namespaces.findLast((namespace) => namespace !== null) === place.namespaceId;
}

/** One segment of a path; different ids never share one. */
function segment(id: string): string {
  if (/^[0-9a-f]{32}$/.test(id)) return id;
  return `other-${createHash("sha256").update(id).digest("hex").slice(0, 32)}`;
}
