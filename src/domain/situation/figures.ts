/** What the policy's findings say, and of when. */
import { unmeasured } from "../policy/evaluate.ts";
import type { Assessment, Finding } from "../policy/finding.ts";
import { sentence } from "../policy/finding-text.ts";
import type { Family } from "../policy/rule.ts";
import { labelOf } from "../policy/rules.ts";
import { isEmergency } from "../state/state.ts";
import type { Concern, Figures, Known } from "./known.ts";
import { command, notify, relief } from "./next.ts";
import { emergencyAtS, timeOfCapS } from "./since.ts";
import { blindOf } from "./unread.ts";

const PARTS: Readonly<Partial<Record<Family, string>>> = {
  latency: "latency",
  r2: "R2 failures",
  database: "database failures",
};

/** "health" when not even its errors are known, else the first part that is not. */
function missingPart(findings: readonly Finding[]): string {
  const [first = "errors"] = unmeasured(findings);
  return PARTS[first] ?? "health";
}

/** Of the row that needs least of those that would tell. */
function whyNoData(findings: readonly Finding[]): string {
  const [first = "errors"] = unmeasured(findings);
  const rows = findings.filter(({ family }) => family === first);
  return (first === "errors" ? rows[0] : rows.at(-1))?.detail ?? "not measured yet";
}

/** A row that says nothing is not one that passes. */
export function passText(findings: readonly Finding[]): string {
  const silent = findings.filter(({ verdict }) => verdict === "no_data").length;
  return `no finding fails${silent === 0 ? "" : `, no data for ${silent} of ${findings.length}`}`;
}

/**
 * Over a critical limit by so much that nobody should wait for the verdict. A few requests show an error rate by
 * counted errors; they show no latency.
 */
function isEarly({ severity, family, verdict, far }: Finding): boolean {
  if (severity !== "critical" || !far) return false;
  return verdict === "inconclusive" || (verdict === "no_data" && family === "errors");
}

/** "before the stop: " for what an emergency has overtaken; "" for what is measured since, or without one. */
export function beforeStop({ window }: Finding, state: Known["state"]): string {
  if (state === null || !isEmergency(state)) return "";
  const atS = emergencyAtS(state);
  if (!Number.isFinite(atS)) return "possibly before the stop: ";
  if (window.fromS >= atS) return "";
  // Most of it counts: of a bucket that the stop fell into, nobody can say more.
  return window.fromS + window.toS > 2 * atS ? "around the stop: " : "before the stop: ";
}

export function figuresConcerns({ figures, ...known }: Known): Concern[] {
  if (typeof figures === "string") {
    const text = `no data on native's health: ${figures}`;
    const blind = blindOf(figures, "native's health");
    return [{ kind: "unread", mark: "?", text, next: command("doctor"), blind }];
  }
  const { state } = known;
  if (state !== null && isEmergency(state)) return duringEmergency(figures, state);
  const { problems, findings, verdict } = figures.assessment;
  const early = findings.filter(isEarly).slice(0, 1);
  return [
    ...early.map((finding): Concern => {
      const text = earlyText(finding);
      return { kind: "early", mark: "!", text, next: relief("not-aus", text, known) };
    }),
    ...(problems.length > 0 ? [failing(figures.assessment, known)] : []),
    ...(verdict === "inconclusive" && early.length === 0 ? [open(findings)] : []),
    ...(verdict === "no_data" && early.length === 0 ? [unmeasuredIn(findings, known)] : []),
  ];
}

function earlyText(finding: Finding): string {
  const { detail, limit, unit } = finding;
  const short = finding.verdict === "no_data" ? `: ${detail}` : "";
  return `${sentence({ ...finding, detail: `far over ${limit} ${unit}` })}, too early to be sure${short}`;
}

function failing({ problems, recommendation }: Assessment, known: Omit<Known, "figures">): Concern {
  const [first] = problems;
  const worst = first === undefined ? "the policy fails" : sentence(first);
  const text = `failing: ${allOf(worst, problems)}`;
  if (recommendation === "none" || recommendation === "notify") {
    return { kind: "proxy", mark: "✖", text, next: notify(worst, known) };
  }
  // What the guardian has lowered already is not to be lowered again for what was measured before.
  const lowered = first !== undefined && first.window.fromS < timeOfCapS(known.state);
  const next =
    lowered && recommendation !== "not-aus"
      ? command("watch")
      : relief(recommendation, worst, known);
  return { kind: recommendation === "not-aus" ? "critical" : "failing", mark: "✖", text, next };
}

function allOf(worst: string, problems: readonly Finding[]): string {
  const others = problems.slice(1).map(({ rule }) => labelOf(rule));
  return others.length === 0 ? worst : `${worst}; also ${others.join(", ")}`;
}

function open(findings: readonly Finding[]): Concern {
  const over = findings.filter(({ verdict }) => verdict === "inconclusive");
  const text = `inconclusive: ${over.map(sentence).join("; ")}`;
  return { kind: "open", mark: "!", text, next: command("watch") };
}

function unmeasuredIn(
  findings: readonly Finding[],
  { hasMetrics }: Omit<Known, "figures">,
): Concern {
  const text = `no data on native's ${missingPart(findings)}: ${whyNoData(findings)}`;
  return { kind: "unread", mark: "?", text, next: command(hasMetrics ? "watch" : "doctor") };
}

/** Native has no visitors then: what fails is what led to the stop, or a location that does not obey it. */
function duringEmergency(
  { assessment: { problems, findings } }: Figures,
  state: NonNullable<Known["state"]>,
): Concern[] {
  const over =
    problems.length > 0
      ? problems
      : findings.filter((one) => one.verdict === "inconclusive" || isEarly(one));
  const since = over.filter((one) => beforeStop(one, state) === "");
  const [first] = since.length > 0 ? since : over;
  if (first === undefined) return [];
  const when = beforeStop(first, state);
  if (when !== "") {
    const text = `${when}${allOf(sentence(first), over)}`;
    return [{ kind: "past", mark: " ", text, next: null }];
  }
  const kind = first.recommends === "notify" ? "proxy" : "failing";
  const text = `since the stop: ${allOf(sentence(first), since)}`;
  return [{ kind, mark: first.verdict === "fail" ? "✖" : "!", text, next: null }];
}
