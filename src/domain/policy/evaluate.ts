/** Applies the policy to what was observed. Pure: the same observations give the same assessment. */

import { explain } from "./attribution.ts";
import type { Result } from "./case.ts";
import { bucketsIn } from "./case.ts";
import type { Assessment, Finding } from "./finding.ts";
import type { Policy } from "./numbers.ts";
import type { Observations } from "./observations.ts";
import type { Family, Recommendation } from "./rule.ts";
import { strongest } from "./rule.ts";
import type { RuleRow } from "./rules.ts";
import { RULES } from "./rules.ts";
import type { Verdict } from "./verdict.ts";

export function evaluate(seen: Observations, policy: Policy): Assessment {
  const findings: Finding[] = [];
  for (const row of RULES) findings.push(finding(row, row.measure({ seen, policy }, findings)));
  const explained = explain(findings, (minutes) => bucketsIn(minutes, { seen, policy }), policy);
  const problems = explained
    .filter(({ verdict, because }) => verdict === "fail" && because === null)
    .toSorted(byStrength);
  return {
    atS: seen.nowS,
    verdict: verdictOf(explained, problems),
    recommendation: problems.reduce<Recommendation>((r, p) => strongest(r, p.recommends), "none"),
    problems,
    findings: explained,
  };
}

function finding(row: RuleRow, { values, ...result }: Result): Finding {
  const { rule, family, severity } = row;
  const recommends = result.recommends ?? row.recommends;
  const value = values.findLast((known) => known !== null) ?? null;
  return {
    far: false,
    ...result,
    rule,
    family,
    severity,
    recommends,
    value,
    values,
    because: null,
  };
}

function byStrength(a: Finding, b: Finding): number {
  if (a.recommends === b.recommends) return 0;
  return strongest(a.recommends, b.recommends) === a.recommends ? -1 : 1;
}

/** What must be known of native, each by one row at least, before nothing to complain of is good news. */
const NATIVES_OWN: readonly Family[] = ["errors", "latency", "r2", "database"];

/** Orphans of an hour ago, or a healthy proxy, say nothing about native now. */
function verdictOf(findings: readonly Finding[], problems: readonly Finding[]): Verdict {
  if (problems.length > 0) return "fail";
  if (findings.some(({ verdict }) => verdict === "inconclusive")) return "inconclusive";
  return unmeasured(findings).length > 0 ? "no_data" : "pass";
}

/** The families of native's own of which no row can be judged. */
export function unmeasured(findings: readonly Finding[]): Family[] {
  return NATIVES_OWN.filter((family) =>
    findings.every((finding) => finding.family !== family || finding.verdict === "no_data"),
  );
}
