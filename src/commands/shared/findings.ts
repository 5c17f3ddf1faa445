/** The policy's findings in words for people, and what to paste. Shared by assess, status and watch. */
import { amount, labelOf, sentence } from "../../domain/finding-text.ts";
import type { Assessment, Finding } from "../../domain/policy-evaluate.ts";
import type { Target } from "../../ports.ts";
import { invocation, shellWord } from "./words.ts";

/** The mark decides the colour of a line; the word next to it says the same. */
const MARKS: Readonly<Record<Finding["verdict"], string>> = {
  pass: "✔",
  fail: "✖",
  inconclusive: "!",
  no_data: "?",
};

/**
 * One line each: mark, verdict, what, value and limit, window, sample; why, unless it passed, and
 * unless the line above said the same.
 */
export function findingLines(findings: readonly Finding[]): string[] {
  let said = "";
  return findings.flatMap((finding) => {
    const { verdict, rule, detail, because } = finding;
    const first = [
      `${MARKS[verdict]} ${verdict.padEnd(12)}`,
      labelOf(rule).padEnd(25),
      `${amount(finding.value, finding.unit)} (limit ${amount(finding.limit, finding.unit)})`.padEnd(
        32,
      ),
      windowText(finding),
      sampleText(finding),
    ];
    const why = because === null ? detail : `${detail}; explained by ${labelOf(because)}`;
    const line = `  ${first.join(" ").trimEnd()}`;
    if (verdict === "pass" || why === said) return [line];
    said = why;
    return [line, `                 ${why}`];
  });
}

function windowText({ window: { fromS, toS } }: Finding): string {
  const clock = (s: number) => new Date(s * 1_000).toISOString().slice(11, 19);
  return fromS === toS ? "" : `${clock(fromS)}–${clock(toS)}Z`;
}

function sampleText({ samples, minimum, family }: Finding): string {
  if (minimum === 0) return "";
  const of = family === "orphans" ? "intents" : "requests";
  return `  ${Math.round(samples)} ${of} (at least ${minimum})`;
}

/** What is stored, as far as advice depends on it; null when it could not be read. */
export interface InForce {
  emergency: boolean;
  /** Null when there is no readable config. */
  percent: number | null;
}

/**
 * The one command for the strongest problem, ready to paste. Says so when it is in force already, for
 * then the metrics still show the minutes before it, or visitors who keep an older cookie.
 */
export function recommendedCommand(
  { problems, recommendation }: Pick<Assessment, "problems" | "recommendation">,
  target: Target,
  inForce: InForce | null,
): string | null {
  const [first] = problems;
  if (first === undefined || recommendation === "none") return null;
  if (recommendation === "notify") {
    const whom = target.contacts.onCall === null ? "" : ` (${target.contacts.onCall})`;
    return `tell whoever runs the legacy origin${whom}: ${sentence(first)}`;
  }
  if (inForce?.emergency === true) {
    return `${invocation(target, "verify")}   # an emergency is on already`;
  }
  const reason = `--reason ${shellWord(sentence(first))}`;
  if (recommendation !== "not-aus" && inForce?.percent === 0) {
    return `${invocation(target, `not-aus ${reason}`)}   # the share is 0 % already: only this moves visitors with a cookie`;
  }
  return invocation(target, `${recommendation} ${reason}`);
}

export { amount, labelOf, sentence };
