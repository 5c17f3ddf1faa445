/** Whether people would be told: names the channels, or sends a test notice through each. */
import { contactParts, contactProblem } from "../../domain/config/contacts.ts";
import type { Target } from "../../domain/config/environment.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { Notice, NoticeKind } from "../../domain/notices/notice.ts";
import { noticeKey } from "../../domain/notices/notice.ts";
import type { NoticeReport } from "../../ports/machine.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Check } from "../lib/check.ts";

const TEST_LIMIT_MS = 5_000;

const NO_CHANNEL: Check = {
  name: "notify",
  result: "pass",
  detail: "no notification channel configured",
  fix: null,
};

/** Whom the card and messages name. A stop needs none of it: what is missing is a warning. */
function contactCheck({ contacts }: Target): Check {
  const name = "contacts";
  const wrong = contactProblem(contacts);
  if (wrong !== null) return { name, result: "warn", detail: wrong.problem, fix: wrong.fix };
  return { name, result: "pass", detail: contactParts(contacts).join(" · "), fix: null };
}

/** `test`: what a trigger opens is closed at once. */
export async function noticeChecks(
  ports: Pick<Ports, "clock" | "identity" | "interrupt" | "notifier" | "target">,
  { test }: { test: boolean },
): Promise<Check[]> {
  const { channels } = ports.notifier;
  if (channels.length === 0) {
    const fix = 'add "notify" to pixcanary.json (see README)';
    if (!test) return [NO_CHANNEL];
    return [{ ...NO_CHANNEL, result: "fail", fix }, contactCheck(ports.target)];
  }
  if (!test) {
    const detail = `${channels.join(", ")}; --notify sends a test`;
    return [{ name: "notify", result: "pass", detail, fix: null }];
  }
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

function send(
  { clock, identity, interrupt, notifier, target }: Parameters<typeof noticeChecks>[0],
  kind: Extract<NoticeKind, "trigger" | "resolve">,
): Promise<NoticeReport[]> {
  const notice: Notice = {
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
  const signal = anySignal([clock.timeout(TEST_LIMIT_MS), interrupt]);
  return notifier.report(notice, { signal });
}
