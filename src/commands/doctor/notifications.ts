/** Whether people would be told: names the channels, or sends a test notice through each. */
import { contactParts, contactProblem } from "../../domain/config/contacts.ts";
import type { Target } from "../../domain/config/environment.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { Notice, NoticeKind } from "../../domain/notices/notice.ts";
import { noticeKey } from "../../domain/notices/notice.ts";
import type { NoticeReport } from "../../ports/machine.ts";
import type { Ports } from "../../ports/ports.ts";
import { type Check, passed, skipped, warned } from "../lib/check.ts";

const TEST_LIMIT_MS = 5_000;

const NO_CHANNEL = passed("notify", "no notification channel configured");

/** Whom the card and messages name. A stop needs none of it: what is missing is a warning. */
function contactCheck({ contacts }: Target): Check {
  const name = "contacts";
  const wrong = contactProblem(contacts);
  if (wrong !== null) return { name, result: "warn", detail: wrong.problem, fix: wrong.fix };
  return { name, result: "pass", detail: contactParts(contacts).join(" · "), fix: null };
}

/** `test`: what a trigger opens is closed at once. */
export async function noticeChecks(
  ports: Pick<Ports, "clock" | "identity" | "interrupt" | "notifier" | "target" | "tokenHosts">,
  { test }: { test: boolean },
): Promise<Check[]> {
  const { channels } = ports.notifier;
  if (channels.length === 0) {
    const fix = 'add "notify" to pixcanary.json (see README)';
    if (!test) return [NO_CHANNEL];
    return [{ ...NO_CHANNEL, result: "fail", fix }, contactCheck(ports.target)];
  }
  if (!test) return readyChecks(ports);
  const opened = await send(ports, "trigger");
  const closed = await send(ports, "resolve");
  const sent = channels.map((channel): Check => {
    const bad = [...opened, ...closed].find((r) => r.channel === channel && r.problem !== null);
    const name = channel;
    return bad === undefined
      ? { name, result: "pass", detail: "test notification sent and resolved", fix: null }
      : { name, result: "fail", detail: bad.problem ?? "", fix: bad.fix };
  });
  return [...sent, contactCheck(ports.target)];
}

/** Without sending anything: a stop needs no channel, so what is missing is a warning. */
async function readyChecks(ports: Parameters<typeof noticeChecks>[0]): Promise<Check[]> {
  const { channels } = ports.notifier;
  const kept = ports.tokenHosts.list.some(
    ({ token, allowed }) => token === "webhook token" && !allowed,
  );
  const unready = await ports.notifier.unready(testNotice(ports, "trigger"));
  const checks = unready.map(({ channel, problem, fix }) =>
    kept && channel === "webhook"
      ? skipped(channel, "token hosts")
      : warned(channel, problem ?? "", fix ?? ""),
  );
  const ready = channels.filter((name) => !unready.some(({ channel }) => channel === name));
  if (ready.length === 0) return checks;
  return [passed("notify", `${ready.join(", ")}; --notify sends a test`), ...checks];
}

function send(
  ports: Parameters<typeof noticeChecks>[0],
  kind: Extract<NoticeKind, "trigger" | "resolve">,
): Promise<NoticeReport[]> {
  const { clock, interrupt, notifier } = ports;
  const signal = anySignal([clock.timeout(TEST_LIMIT_MS), interrupt]);
  return notifier.report(testNotice(ports, kind), { signal });
}

function testNotice(
  { clock, identity, target }: Parameters<typeof noticeChecks>[0],
  kind: Extract<NoticeKind, "trigger" | "resolve">,
): Notice {
  return {
    kind,
    key: noticeKey(target.env, "test"),
    env: target.env,
    severity: "info",
    title: "test notification: no action needed",
    details: [`sent by ${identity.actor} with doctor --notify`, ...contactParts(target.contacts)],
    next: null,
    at: new Date(clock.now()).toISOString(),
    source: identity.host,
  };
}
