/** The journal in Workers KV and, next to it, on this machine. It warns; it never fails an action. */
import { anySignal, unlessAborted } from "../domain/lib/abort.ts";
import {
  type JournalEntry,
  journalKey,
  parseJournalEntry,
  WORKER_TOOL,
} from "../domain/state/journal.ts";
import type { Journal } from "../ports/api.ts";
import type { Clock } from "../ports/machine.ts";
import { createClock } from "./clock.ts";
import type { KvPlace } from "./cloudflare-store.ts";
import { journalWords as words } from "./journal-words.ts";
import { type KvCall, type KvJournal, kvJournal } from "./kv-journal.ts";
import { adopt, localOpenIncident } from "./local-incidents.ts";
import { localJournal } from "./local-journal.ts";
import { formerFolder, type StatePlace, stateFolder } from "./state-folder.ts";

export interface JournalOptions extends KvPlace, StatePlace {
  clock?: Clock;
  limits?: Partial<JournalLimits>;
}

interface JournalLimits {
  /** For one KV call. */
  callMs: number;
  /** For all KV calls of one `append` or `recent`. */
  remoteMs: number;
  /** For the file: a network home may hang. */
  localMs: number;
  /** For the open incident: after Ctrl-C a change still has its entry to write. */
  openMs: number;
}

const LIMITS: JournalLimits = { callMs: 5_000, remoteMs: 10_000, localMs: 2_000, openMs: 1_000 };

export function createJournal(options: JournalOptions): Journal {
  return journalOver(options, kvJournal(options));
}

/** The file on this machine alone, for who cannot ask the API: `why` says so. */
export function createLocalJournal(place: StatePlace, why: string): Journal {
  const refuse = () => Promise.reject(new Error(why));
  return journalOver(place, { append: refuse, recent: refuse });
}

function journalOver(
  options: StatePlace & Pick<JournalOptions, "clock" | "limits">,
  remote: KvJournal,
): Journal {
  const clock = options.clock ?? createClock();
  const limits = { ...LIMITS, ...options.limits };
  const local = localJournal(stateFolder(options));
  const former = localJournal(formerFolder(options));
  const remember = (...given: Parameters<typeof adopt>): Promise<void> =>
    within(clock, limits.localMs, adopt(...given)).catch(() => undefined);
  const call = (signal: AbortSignal): KvCall => ({
    signal: anySignal([signal, clock.timeout(limits.remoteMs)]),
    timeoutMs: limits.callMs,
  });
  return {
    append: (entry, { signal }) => problems("journal in KV", remote.append(entry, call(signal))),
    appendHere: (entry) =>
      problems(
        `journal ${local.path}`,
        within(clock, limits.localMs, local.append(JSON.stringify(entry))),
      ),
    async recent(limit, { signal }) {
      const [far, file] = await Promise.allSettled([
        remote.recent(limit, clock.now(), call(signal)),
        within(clock, limits.localMs, Promise.all([local.tail(), former.tail().catch(() => [])])),
      ]);
      const warnings: string[] = [];
      if (far.status === "rejected") warnings.push(`journal in KV: ${words(far.reason)}`);
      else warnings.push(...far.value.warnings);
      if (file.status === "rejected") warnings.push(`journal ${local.path}: ${words(file.reason)}`);
      const kv = far.status === "fulfilled" ? parsed(far.value.values) : NOTHING;
      const [here, before] = file.status === "fulfilled" ? file.value.map(parsed) : [];
      const disk = here ?? NOTHING;
      const old = oursIn(before ?? NOTHING, options.namespaceId);
      const corrupt = kv.corrupt + disk.corrupt;
      if (corrupt > 0) warnings.push(`journal: skipped ${corrupt} unreadable entries`);
      if (here !== undefined) await remember(local, kv.entries, here);
      return { entries: merge(kv.entries, [...old, ...disk.entries], limit), warnings };
    },
    openIncident: () => within(clock, limits.openMs, localOpenIncident(local)).catch(() => null),
  };
}

async function problems(where: string, work: Promise<void>): Promise<string[]> {
  return work.then(
    () => [],
    (error: unknown) => [`${where}: ${words(error)}`],
  );
}

interface ParsedEntries {
  lines: readonly string[];
  entries: JournalEntry[];
  corrupt: number;
}

const NOTHING: ParsedEntries = { lines: [], entries: [], corrupt: 0 };

function parsed(values: readonly string[]): ParsedEntries {
  const entries = values.map(parseJournalEntry).filter((entry) => entry !== null);
  return { lines: values, entries, corrupt: values.length - entries.length };
}

/** Of a file by an environment's name: a name may have meant several namespaces. */
function oursIn({ entries }: ParsedEntries, namespaceId: string): JournalEntry[] {
  const alone = entries.every(({ namespace }) => namespace === null || namespace === namespaceId);
  return entries.filter(({ namespace }) =>
    namespace === null ? alone : namespace === namespaceId,
  );
}

/**
 * KV wins over the file for the same id, but the Worker's note of a stop that it took over nobody's: the sender's
 * own entry, there or here, says how far it came. Oldest first, the newest `limit`.
 */
function merge(
  kv: readonly JournalEntry[],
  disk: readonly JournalEntry[],
  limit: number,
): JournalEntry[] {
  const notes = kv.filter(isWorkersNote);
  const told = kv.filter((entry) => !isWorkersNote(entry));
  const byId = new Map([...notes, ...disk, ...told].map((entry) => [entry.id, entry]));
  const key = (entry: JournalEntry): string => journalKey(entry);
  const sorted = [...byId.values()].sort((a, b) =>
    key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0,
  );
  return limit <= 0 ? [] : sorted.slice(-limit);
}

function isWorkersNote({ tool, command }: JournalEntry): boolean {
  return tool === WORKER_TOOL && command === "not-aus";
}

/** The work itself cannot be cancelled; it is only waited for no longer. */
function within<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T> {
  return unlessAborted(work, clock.timeout(limitMs), () => {
    throw new Error(`no answer within ${limitMs / 1000} s`);
  });
}
