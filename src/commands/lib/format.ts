/** Small pieces of text that several verbs share. */

import type { Verdict } from "../../domain/policy/verdict.ts";
import type { Snapshot } from "../../domain/state/journal.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import { counted, durationText, seconds, share } from "../../domain/text/format.ts";
import type { Outcome } from "../command.ts";
import type { LiveProof } from "./prove-live.ts";

export { age, timeWithAge } from "../../domain/text/age.ts";
export { invocation, shellWord } from "../../domain/text/invocation.ts";
export { durationText, seconds, share };

/** The one sentence about KV that must not be forgotten when only some locations can be seen. */
export const OTHERS_FOLLOW =
  "Other locations follow as their KV copies expire (60 s or more); isolates hold state up to 6 s plus a KV read.";

/** None where nothing was changed; after a failure the outcome says what is in force. */
export function changeLine(
  { kind }: Pick<Outcome<unknown>, "kind">,
  { before, after }: Record<"before" | "after", Pick<Snapshot, "percent">>,
): string[] {
  if (kind === "failed" || before.percent === after.percent) return [];
  return [`  share     ${share(before.percent)} → ${share(after.percent)}`];
}

/** The mark decides the colour of a line; the word next to it says the same. */
export const VERDICT_MARKS = {
  pass: "✔",
  fail: "✖",
  inconclusive: "!",
  no_data: "?",
} as const satisfies Record<Verdict, string>;

export function liveLine(proof: Pick<LiveProof, "live" | "missing">): string {
  const live = [...proof.live]
    .sort((a, b) => a.elapsedMs - b.elapsedMs)
    .map((l) => `${escapeForTerminal(l.location)} ${seconds(l.elapsedMs)}`);
  const places = new Set(proof.live.map(({ location }) => location)).size;
  const same = places < live.length ? ` (${live.length} /qa, ${counted(places, "location")})` : "";
  return live.length === 0 ? "nowhere yet" : `${live.join(" · ")}${same}`;
}

export function missingLines(proof: Pick<LiveProof, "missing">): string[] {
  return proof.missing.map(
    (m) => `  not seen  ${escapeForTerminal(m.location)}: ${escapeForTerminal(m.because)}`,
  );
}
