/** Ports for the verbs of incidents: a journal and a folder in memory; the metrics answer what they are given. */
import type { ChangingVerb, CommonInput, Outcome } from "../../../src/commands/command.ts";
import { openIncidentIn } from "../../../src/domain/incident/event.ts";
import type { JournalEntry } from "../../../src/domain/state/journal.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { AT_ONCE, modelPorts, modelStore } from "../../support/fake-ports.ts";

export const NOW_MS = 1_763_000_000_000;
export const COMMON: CommonInput = {
  reason: undefined,
  incident: undefined,
  force: false,
  verify: false,
  timeoutMs: 10_000,
};
export const CONFIG = JSON.stringify({
  canary_percent: 10,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2025-11-12T10:00:00Z",
  revision: "BEFORE",
});

export interface World {
  ports: Ports;
  journal: JournalEntry[];
  files: Map<string, string>;
  warnings: string[];
  notes: string[];
}

export function world(more: Partial<Ports> = {}): World {
  const journal: JournalEntry[] = [];
  const files = new Map<string, string>();
  const warnings: string[] = [];
  const notes: string[] = [];
  const base = modelPorts(modelStore({ config: [CONFIG], stop: [null] }, AT_ONCE, [0]));
  let ticks = 0;
  const ports: Ports = {
    ...base,
    clock: { ...base.clock, now: () => NOW_MS + ticks++ },
    progress: {
      ...base.progress,
      warn: (text) => void warnings.push(text),
      note: (text) => void notes.push(text),
    },
    metrics: { ask: () => Promise.reject(new UpstreamError("unavailable", "no network")) },
    journal: {
      append: async (entry) => {
        if (journal.every(({ id }) => id !== entry.id)) journal.push(entry);
        return [];
      },
      appendHere: async (entry) => {
        if (journal.every(({ id }) => id !== entry.id)) journal.push(entry);
        return [];
      },
      recent: async () => ({ entries: [...journal], warnings: [] }),
      openIncident: async () => openIncidentIn(journal),
    },
    reports: {
      at: (path) => ({
        path,
        names: async () => [...files.keys()].map((file) => file.slice(path.length + 1)),
        read: async (name) => files.get(`${path}/${name}`) ?? null,
        write: async (name, text) => void files.set(`${path}/${name}`, text),
      }),
    },
    ...more,
  };
  return { ports, journal, files, warnings, notes };
}

/** As the shell runs a verb. */
export async function perform<In extends object>(
  verb: Pick<ChangingVerb, "plan" | "apply">,
  own: In,
  ports: Ports,
): Promise<Outcome<unknown>> {
  const given = { ...COMMON, ...own };
  const planned = await verb.plan(given as never, ports);
  return planned.kind === "ended"
    ? planned.outcome
    : verb.apply(planned.steps, given as never, ports);
}
