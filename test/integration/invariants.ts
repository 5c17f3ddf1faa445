/** What must hold however a `not-aus` went. Returns the broken promises in words: none is right. */
import { emergencies, type Lane, stopIsStored } from "./lane.ts";

export interface Verdict {
  exitCode: number | null;
  /** Everything printed for people. */
  text: string;
  /** What `--json` printed; undefined when the run did not ask for it. */
  json?: string;
  verify: boolean;
  elapsedMs: number;
  budgetMs: number;
}

/** Beyond its budget a run may take this long to come to an end: a slow journal, a slow machine. */
const GIVE_UP_MS = 3_000;
const SLOW_MACHINE_MS = 5_000;

export async function brokenPromises(lane: Lane, verdict: Verdict): Promise<string[]> {
  const { exitCode, text, json, verify, elapsedMs, budgetMs } = verdict;
  const broken: string[] = [];
  const committed = lane.written.some((key) => key === "stop" || key === "config");
  const stored = stopIsStored(lane.sandbox);
  if (exitCode === 0 && !stored) broken.push("says done, but no active stop is stored");
  if (exitCode === 0 && verify && (await emergencies(lane.sandbox)).some((on) => on !== true)) {
    broken.push("says done, but a location does not show the emergency");
  }
  if (exitCode === 24 && committed) {
    broken.push(`says that nothing is known to be written, but ${lane.written} was`);
  }
  if (exitCode === 1 || exitCode === null) broken.push(`ended with ${exitCode}`);
  // What was read back needs time, not hands; everything else needs the manual way.
  const saysStored = /^ {2}stored {4}\d/m.test(text);
  if (saysStored && !stored) broken.push("says stored, but no active stop is");
  const manual = /kv key put .* stop '/.test(text);
  if (exitCode !== 0 && !saysStored && !manual) broken.push("no manual way");
  if (elapsedMs > budgetMs + GIVE_UP_MS + SLOW_MACHINE_MS) broken.push(`took ${elapsedMs} ms`);
  if (json !== undefined && exitCodeIn(json) !== exitCode)
    broken.push(`JSON: ${json.slice(0, 80)}`);
  return broken;
}

function exitCodeIn(json: string): unknown {
  try {
    return (JSON.parse(json) as { exit_code?: unknown }).exit_code;
  } catch {
    return "not one JSON document";
  }
}
