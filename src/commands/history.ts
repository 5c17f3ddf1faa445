/** Who changed what, when and why, newest last. Reads the journal in KV and the local one. */

import * as z from "zod";
import { anySignal } from "../domain/lib/abort.ts";
import type { JournalEntry } from "../domain/state/journal.ts";
import type { Ports } from "../ports/ports.ts";
import type { Outcome, ReadingVerb } from "./command.ts";
import { count, flag } from "./flag.ts";
import { entryLine } from "./lib/journal-line.ts";
import { type Owner, ownerLines, ownerOf } from "./lib/owner.ts";
import { READ_LIMIT_MS } from "./lib/stored-state.ts";

const input = z.object({
  limit: flag("--limit <n>", "show the newest n entries (20)", count(1, 9_999).default(20)),
});

export interface HistoryData extends Owner {
  entries: JournalEntry[];
  at_ms: number;
}

export const history: ReadingVerb<typeof input, HistoryData> = {
  name: "history",
  summary: "List changes: who, when, why, how far proved",
  details: "Reads the journal in KV, merged with the one on this machine. Changes nothing.",
  examples: ["pixcanary history --env production", "pixcanary history --limit 100 --json"],
  anyHost: true,
  timeoutMs: 20_000,
  input,
  run: (given, ports) => list(given.limit, ports),
  render,
};

async function list(limit: number, ports: Ports): Promise<Outcome<HistoryData>> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS * 2), ports.interrupt]);
  const { entries, warnings } = await ports.journal.recent(limit, { signal });
  for (const warning of warnings) ports.progress.warn(warning);
  const data = { ...ownerOf(ports.target), entries, at_ms: ports.clock.now() };
  return { kind: "done", changed: false, data };
}

function render(outcome: Outcome<HistoryData>): string {
  if (outcome.kind !== "done") return "";
  const { entries, at_ms: nowMs } = outcome.data;
  const lines = entries.map((entry) => `  ${entryLine(entry, nowMs)}`);
  const shown = lines.length === 0 ? ["  the journal is empty"] : lines;
  return [...ownerLines(outcome.data), ...shown].join("\n");
}
