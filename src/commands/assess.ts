/**
 * What the policy says about the last minutes: each row with its numbers, and the one command that the
 * runbook recommends. Reads only. Exit 0 when all is well; 20 when it is not, or is not known.
 */
import { anySignal } from "../domain/lib/abort.ts";
import { unmeasured } from "../domain/policy/evaluate.ts";
import type { Assessment, Finding } from "../domain/policy/finding.ts";
import { trafficText } from "../domain/proof/traffic.ts";
import { passText } from "../domain/situation/figures.ts";
import type { Situation } from "../domain/situation/known.ts";
import type { ParsedState } from "../domain/state/state.ts";
import { isEmergency } from "../domain/state/state.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import { wrap } from "../domain/text/width.ts";
import type { UpstreamError } from "../ports/errors.ts";
import type { Ports } from "../ports/ports.ts";
import type { CommonInput, Outcome, ReadingVerb } from "./command.ts";
import { noFlags } from "./flag.ts";
import { findingLines, sentence } from "./lib/findings-text.ts";
import { invocation } from "./lib/format.ts";
import { lookEverywhere } from "./lib/look-everywhere.ts";
import { assessHealth, HEALTH_LIMIT_MS, sayingLate } from "./lib/native-health.ts";
import { figuresOf, nextText, situationIn, situationLines } from "./lib/situation.ts";
import { readBase } from "./lib/stored-state.ts";

const COLUMNS = 80;

/** What is stored; null parts: no readable config. */
interface InForce {
  emergency: boolean;
  percent: number | null;
}

export interface AssessData {
  /** What figures and stored state come to. */
  situation: Situation;
  verdict: Finding["verdict"];
  recommendation: string;
  /** Ready to paste; null when there is nothing to do. */
  recommended_command: string | null;
  /** Failing findings that no other explains, strongest first. */
  problems: Finding[];
  findings: Finding[];
  in_force: InForce | null;
  /** Where to look when there is nothing to judge. */
  hint: string | null;
  at_ms: number;
}

export const assess: ReadingVerb<typeof noFlags, AssessData> = {
  name: "assess",
  summary: "Judge the last minutes by the policy; recommend a command",
  details:
    "Shows each finding as pass, fail, inconclusive or no_data, with its numbers, and the one " +
    "recommended command. Changes nothing. Exit 20 also on no data: no data is not good news.",
  examples: ["pixcanary assess --env production", "pixcanary assess --env production --json"],
  anyHost: true,
  timeoutMs: 20_000,
  input: noFlags,
  run: (input, ports) => judge(input, ports),
  render,
};

async function judge(input: CommonInput, ports: Ports): Promise<Outcome<AssessData>> {
  const limitMs = Math.min(input.timeoutMs, HEALTH_LIMIT_MS);
  const limit = ports.clock.timeout(limitMs);
  const signal = anySignal([limit, ports.interrupt]);
  const metrics = sayingLate(ports.metrics, limit, limitMs);
  const [assessed, base] = await Promise.all([
    assessHealth({ ...ports, metrics }, signal),
    readBase(ports, signal),
  ]);
  const { assessment, failure, warnings } = assessed;
  for (const warning of warnings) ports.progress.warn(warning);
  const state = "state" in base ? base.state : null;
  const inForce = state === null ? null : inForceOf(state);
  const nowMs = ports.clock.now();
  const figures = figuresOf(assessed, ports.target);
  const situation = situationIn({ nowMs, state, figures }, ports.target);
  const next = nextText(situation.next, ports.target);
  const data: AssessData = {
    verdict: assessment.verdict,
    recommendation: assessment.recommendation,
    recommended_command: asksForRelief(assessment, situation) ? next : null,
    problems: assessment.problems,
    findings: assessment.findings,
    situation,
    in_force: inForce,
    hint: await hintFor(assessment.findings, inForce, ports, signal),
    at_ms: nowMs,
  };
  // A dataset that is not there, or has no points yet, is an answer: nothing is known.
  if (failure !== null && failure.kind !== "not-found") return blind(failure, data, ports);
  return outcomeOf(data, next);
}

function asksForRelief({ recommendation }: Assessment, { concerns }: Situation): boolean {
  return recommendation !== "none" || concerns.some(({ kind }) => kind === "early");
}

function inForceOf(state: ParsedState): InForce {
  const percent = state.config.kind === "valid" ? state.config.value.canary_percent : null;
  return { emergency: isEmergency(state), percent };
}

function blind(failure: UpstreamError, data: AssessData, ports: Ports): Outcome<AssessData> {
  const auth = failure.kind === "auth" || failure.kind === "forbidden";
  return {
    kind: "failed",
    code: auth ? "auth" : failure.kind === "deadline" ? "deadline" : "upstream",
    message: failure.message,
    truth: "native's health is unknown; nothing was changed",
    next: invocation(ports.target, auth ? "doctor" : "status"),
    data,
  };
}

function outcomeOf(data: AssessData, next: string): Outcome<AssessData> {
  const { concerns, headline } = data.situation;
  if (data.verdict === "pass") {
    return { kind: "done", changed: false, data, ...(concerns.length > 0 && { next }) };
  }
  // Whatever else there is, the figures are what was asked for.
  const figures = concerns.find(({ kind }) => kind !== "emergency" && kind !== "cap");
  return { kind: "unhealthy", data, reason: shortened(figures?.text ?? headline), next };
}

/** The mark and the verb before it say the rest. */
function shortened(text: string): string {
  return text.replace(/^failing: /, "").replace(/^no data on native's health/, "no data on native");
}

function render(outcome: Outcome<AssessData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const lines: string[] = [];
  const add = (text: string): number => lines.push(...wrap(escapeForTerminal(text), COLUMNS, "  "));
  if (outcome.kind === "done") {
    if (data.situation.level !== "normal") situationLines(data.situation).forEach(add);
    add(`✔ pass: ${passText(data.findings)}`);
  }
  lines.push(...findingLines(data.findings));
  // Metrics that cannot be had have been told of already.
  if (data.hint !== null && outcome.kind !== "failed") add(`? ${data.hint}`);
  const proxy = data.problems.find(({ family }) => family === "proxy");
  if (proxy !== undefined) {
    add(`! WARNING: the legacy origin (proxy) is failing too: ${sentence(proxy)}`);
  }
  return lines.join("\n");
}

/** Null when native's errors are known, and when the findings say why they cannot be. Asks `/qa` only then. */
async function hintFor(
  findings: readonly Finding[],
  inForce: InForce | null,
  ports: Ports,
  signal: AbortSignal,
): Promise<string | null> {
  if (ports.target.dataset === null || !unmeasured(findings).includes("errors")) return null;
  return `${storedHint(inForce)}; ${trafficText(await lookEverywhere(ports, "cached", signal))}`;
}

function storedHint(inForce: InForce | null): string {
  if (inForce === null) return "the stored state could not be read either; run doctor";
  if (inForce.emergency) return "an emergency is stored: where it is live, native has no visitors";
  if (inForce.percent === null) return "config is missing or unreadable";
  if (inForce.percent === 0) return "the stored share is 0 %";
  return (
    `the stored share is ${inForce.percent} %: are there visitors? is "dataset" the Worker's ` +
    "dataset? metrics arrive a minute or two late"
  );
}
