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
  const by = new Set(proof.live.map(carriersText));
  const live = [...proof.live]
    .sort((a, b) => a.elapsedMs - b.elapsedMs)
    .map((l) => {
      const place = `${escapeForTerminal(l.location)} ${seconds(l.elapsedMs)}`;
      return by.size > 1 ? place + carriersText(l) : place;
    });
  const places = new Set(proof.live.map(({ location }) => location)).size;
  const same = places < live.length ? ` (${live.length} /qa, ${counted(places, "location")})` : "";
  const all = by.size === 1 ? [...by].join() : "";
  if (live.length + proof.missing.length === 0) return "not checked";
  return live.length === 0 ? "nowhere yet" : `${live.join(" · ")}${same}${all}`;
}

/** " (beacon)"; empty where KV alone does it, as always, or where that is not shown. */
function carriersText({ carriers }: LiveProof["live"][number]): string {
  return carriers?.includes("beacon") ? ` (${carriers.join(", ")})` : "";
}

/** Where the beacon has it, it brings it to the other locations as well. */
export function othersFollow({ inKv, inBeacon }: { inKv: boolean; inBeacon: boolean }): string {
  if (!inBeacon) return OTHERS_FOLLOW;
  return inKv
    ? "Other locations follow within seconds by the beacon, and by KV as copies expire (60 s or more)."
    : "Other locations follow within seconds by the beacon. KV does not have the stop yet: run not-aus again.";
}

export function missingLines(proof: Pick<LiveProof, "missing">): string[] {
  return proof.missing.map(
    (m) => `  not seen  ${escapeForTerminal(m.location)}: ${escapeForTerminal(m.because)}`,
  );
}
