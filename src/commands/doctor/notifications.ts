/** Whether people would be told: names the channels, or sends a test notice through each. */
import type { Notice, NoticeKind } from "../../domain/notices/notice.ts";
import { noticeKey } from "../../domain/notices/notice.ts";
import type { NoticeReport } from "../../ports/machine.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Check } from "../lib/check.ts";

const TEST_LIMIT_MS = 5_000;

const NOBODY: Check = {
  name: "notices",
  result: "pass",
  detail: "no channel is configured: the CLI tells nobody of what it changes",
  fix: null,
};

/** `test`: what a trigger opens is closed at once. */
export async function noticeChecks(
  ports: Pick<Ports, "clock" | "identity" | "interrupt" | "notifier" | "target">,
  { test }: { test: boolean },
): Promise<Check[]> {
  const { channels } = ports.notifier;
  if (channels.length === 0) {
    const fix = "set notify in pixcanary.json: the README shows how";
    return [test ? { ...NOBODY, result: "fail", fix } : NOBODY];
  }
  if (!test) {
    const detail = `${channels.join(", ")}; --notify sends a test`;
    return [{ name: "notices", result: "pass", detail, fix: null }];
  }
  const opened = await send(ports, "trigger");
  const closed = await send(ports, "resolve");
  return channels.map((channel) => {
    const bad = [...opened, ...closed].find((r) => r.channel === channel && r.problem !== null);
    const name = channel;
    return bad === undefined
      ? { name, result: "pass", detail: "test notice sent, and closed again", fix: null }
      : { name, result: "fail", detail: bad.problem ?? "", fix: bad.fix };
  });
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
    title: "test notice: nothing is wrong, there is nothing to do",
    details: [`sent by ${identity.actor} with doctor --notify`],
    next: null,
    at: new Date(clock.now()).toISOString(),
    source: identity.host,
  };
  const signal = AbortSignal.any([clock.timeout(TEST_LIMIT_MS), interrupt]);
  return notifier.report(notice, { signal });
}
