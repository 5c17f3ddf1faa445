/** What must hold however a `not-aus` went. Returns the broken promises in words: none is right. */
import { emergencies, type Lane, stopIsStored } from "./lane.ts";

export interface Verdict {
  exitCode: number | null;
  /** Everything printed for people. */
  text: string;
  /** What `--json` printed; undefined when the run did not ask for it. */
  json?: string;
  verify: boolean;
}

export async function brokenPromises(lane: Lane, verdict: Verdict): Promise<string[]> {
  const { exitCode, text, json, verify } = verdict;
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
  // Null: it went on long after its budget, and was killed.
  if (exitCode === 1 || exitCode === null) broken.push(`ended with ${exitCode}`);
  // What was read back needs time, not hands; everything else needs the manual way.
  const saysStored = /^ {2}stored {4}\d/m.test(text);
  if (saysStored && !stored) broken.push("says stored, but no active stop is");
  const manual = /kv key put .* stop '/.test(text);
  if (exitCode !== 0 && !saysStored && !manual) broken.push("no manual way");
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
