/** What this machine has and owes: hosts that get tokens, secrets, the queue, its clock. */
import { counted } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, failed, passed, skipped, warned } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";

const SKEW_FAILURE_MS = 30_000;

/** Who would get what: a configuration may have come from anywhere. */
export function hostCheck({ list, problem, allow }: Ports["tokenHosts"]): Check {
  const name = "token hosts";
  const hosts = list.map(
    ({ token, host, allowed }) => `${token} → ${host}${allowed ? "" : " (not sent)"}`,
  );
  const detail = [...hosts, ...(problem === null ? [] : [problem])].join(" · ");
  if (list.some(({ allowed }) => !allowed)) return failed(name, detail, allow);
  if (problem === null) return passed(name, detail);
  return warned(name, detail, "make it yours, and unwritable for others: chown, chmod go-w");
}

/** The API token has a line of its own. */
export function secretChecks({ missingSecrets }: Ports): Check[] {
  return missingSecrets
    .filter(({ what }) => what !== "API token")
    .map(({ what, why, fix }) => failed(what, why, fix));
}

/** What changes still owe: journal entries and notifications. */
export function queueCheck(owed: number, { target }: Ports): Check {
  const name = "queue";
  if (owed === 0) return passed(name, "nothing left to deliver");
  const detail = `${counted(owed, "change")} not yet in the journal of KV, or not notified`;
  return warned(name, detail, invocation(target, "deliver"));
}

export function skewCheck({ apiClock }: Pick<Ports, "apiClock">, blocked: Check | null): Check {
  const name = "clock";
  const aheadMs = apiClock.aheadMs();
  if (aheadMs === null) {
    if (blocked !== null) return skipped(name, blocked.name);
    return warned(name, "the API's time is unknown", "run doctor again");
  }
  if (aheadMs === 0) return passed(name, "in sync with the API");
  const awayMs = Math.abs(aheadMs);
  const found = awayMs > SKEW_FAILURE_MS ? failed : warned;
  const way = aheadMs > 0 ? "ahead of" : "behind";
  const fix = "synchronise this machine's clock (timedatectl set-ntp true)";
  return found(name, `${Math.round(awayMs / 1_000)} s ${way} the API's clock`, fix);
}
