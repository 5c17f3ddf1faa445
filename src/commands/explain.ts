/** Which rule decides for a visitor, and why: the Worker's own decision function, run here. */

import * as z from "zod";
import { parseCookie } from "../domain/decision/cookie.ts";
import type { Cohort, Decision } from "../domain/decision/decide.ts";
import { DRAWS, decide } from "../domain/decision/decide.ts";
import { decisionHeader } from "../domain/decision/headers.ts";
import { isStale } from "../domain/decision/stale-cookie.ts";
import { anySignal } from "../domain/lib/abort.ts";
import { expectationOf } from "../domain/proof/expectation.ts";
import { differences, trafficText } from "../domain/proof/traffic.ts";
import type { EffectiveState } from "../domain/state/isolate-memory.ts";
import { EMPTY_MEMORY, effectiveState, remember } from "../domain/state/isolate-memory.ts";
import type { RawState } from "../domain/state/state.ts";
import { parseState } from "../domain/state/state.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import { wrap } from "../domain/text/width.ts";
import type { Ports } from "../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "./command.ts";
import { cohortInput, flag, onOff, textUpTo } from "./flag.ts";
import { share } from "./lib/format.ts";
import { lookEverywhere } from "./lib/look-everywhere.ts";
import { READ_LIMIT_MS, unreachable } from "./lib/stored-state.ts";
import { asUpstream } from "./lib/write-result.ts";

const input = z.object({
  cohort: flag(
    "--cohort <cohort>",
    "the visitor holds a valid cookie for native or proxy",
    cohortInput.optional(),
  ),
  cookie: flag(
    "--cookie <value>",
    "the visitor holds this _canary_cohort cookie",
    textUpTo(4_096, 0).optional(),
  ),
  header: onOff("--header", "the visitor sends a valid X-Canary override"),
});
type Input = Given<typeof input>;

export interface ExplainData {
  /** What each rule says, in order; the first that decides is the last one that counts. */
  rules: { rule: string; says: string; decides: boolean }[];
  decision: { cohort: Cohort | null; reason: string; header: string };
  /** Where `/qa` shows another state than the stored one, on which the rules above were run. */
  elsewhere: string[];
}

export const explain: ReadingVerb<typeof input, ExplainData> = {
  name: "explain",
  summary: "Say which rule decides for a visitor, and why",
  details:
    "Runs the Worker's decision on the stored state and the options given, and asks every /qa whether " +
    "that state is live there. A cookie's form, tag and age are checked, its signature is not: only " +
    "the Worker has the keys. Changes nothing.",
  examples: [
    "pixcanary explain --env production --cohort native",
    "pixcanary explain --env production --header",
  ],
  timeoutMs: 15_000,
  input,
  run: (given, ports) => explainStored(given, ports),
  render,
};

async function explainStored(given: Input, ports: Ports): Promise<Outcome<ExplainData>> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS), ports.interrupt]);
  const looking = lookEverywhere(ports, "cached", signal);
  let raw: RawState;
  try {
    raw = await ports.store.read({ signal });
  } catch (error) {
    return unreachable(asUpstream(error), ports);
  }
  const nowMs = ports.clock.now();
  const state = effectiveState(remember(EMPTY_MEMORY, raw, nowMs), nowMs);
  const sightings = await looking;
  const differing = differences(expectationOf(parseState(raw)), sightings);
  const elsewhere = differing.length === 0 ? [] : [...differing, trafficText(sightings)];
  return { kind: "done", changed: false, data: { ...explained(state, given, nowMs), elsewhere } };
}

function explained(
  state: EffectiveState,
  given: Input,
  nowMs: number,
): Omit<ExplainData, "elsewhere"> {
  const cookie = cookieOf(given, state, nowMs);
  const facts = { state, override: given.header, cookie: cookie.cohort };
  const decision = decide({ ...facts, draw: 0 });
  const unlucky = decide({ ...facts, draw: DRAWS - 1 });
  const percent = state.config?.canary_percent ?? null;
  const says: [string, string, Decision["reason"]][] = [
    ["emergency", state.emergency ? "on" : "off", "emergency"],
    ["config", state.config === null ? "missing or unreadable: proxy" : "readable", "default"],
    ["override", given.header ? "sent" : "not sent", "header"],
    ["cookie", cookie.says, "cookie"],
    ["draw", `${share(percent)} of new visitors to native`, "sampled"],
  ];
  const certain = decision.cohort === unlucky.cohort;
  return {
    rules: says.map(([rule, text, reason]) => ({
      rule,
      says: text,
      decides: decision.reason === reason,
    })),
    decision: {
      cohort: certain ? decision.cohort : null,
      reason: decision.reason,
      header: certain ? decisionHeader(decision) : `native or proxy (${percent}% sample)`,
    },
  };
}

function cookieOf(
  given: Input,
  state: EffectiveState,
  nowMs: number,
): { cohort: Cohort | null; says: string } {
  if (given.cookie === undefined) {
    return given.cohort === undefined
      ? { cohort: null, says: "none" }
      : { cohort: given.cohort, says: `says ${given.cohort}` };
  }
  const cookie = parseCookie(given.cookie);
  if (cookie === null) return { cohort: null, says: "malformed: ignored, drawn again" };
  const tag = state.config?.canary_tag ?? "";
  if (isStale(cookie, tag, nowMs)) {
    return {
      cohort: null,
      says: `says ${cookie.cohort}, but is expired or has another tag (${cookie.tag}): drawn again`,
    };
  }
  return {
    cohort: cookie.cohort,
    says: `says ${cookie.cohort} (if key ${cookie.keyId} signed it)`,
  };
}

const NOT_LIVE = "! the rules above use the stored state, which is not live everywhere:";

function render(outcome: Outcome<ExplainData>): string {
  if (outcome.kind !== "done") return "";
  const { rules, decision, elsewhere } = outcome.data;
  const rows = rules.map(
    (r, index) => `  ${index + 1} ${r.rule.padEnd(10)} ${r.says}${r.decides ? "   ← decides" : ""}`,
  );
  const lines = [...rows, `  ${decision.header}`];
  if (elsewhere.length > 0) lines.push(NOT_LIVE);
  const differing = elsewhere.flatMap((text) => wrap(escapeForTerminal(`  ${text}`), 80, "    "));
  return [...lines, ...differing].join("\n");
}
