/** Runs in workerd, with the sandbox's vars and bindings: sends what it is given, says how it went. */
import type { Notice } from "../../src/domain/notices/notice.ts";
import { createNotifier, type SendReport } from "../../worker/notify/notifier.ts";
import type { EmailBinding, NotifyBindings, NotifySettings } from "../../worker/notify/settings.ts";
import { parseNotify } from "../../worker/notify/settings.ts";

export interface Order {
  notices: Notice[];
  /** In place of what the vars say. */
  settings?: Partial<NotifySettings>;
  tryMs?: number;
  totalMs?: number;
}

export interface Told {
  env: string;
  channels: string[];
  problems: string[];
  reports: SendReport[];
}

export default {
  async fetch(
    request: Request,
    env: NotifyBindings & { NOTIFY_EMAIL?: EmailBinding },
  ): Promise<Response> {
    const {
      notices,
      settings,
      tryMs = 60_000,
      totalMs = 120_000,
    } = (await request.json()) as Order;
    const { problems, ...parsed } = parseNotify(env);
    const notifier = createNotifier(
      { ...parsed, ...settings },
      {
        random: () => 0.5,
        email: env.NOTIFY_EMAIL,
        limits: { tries: 2, tryMs, firstDelayMs: 2, maxDelayMs: 5 },
        totalMs,
      },
    );
    const reports = await notifier.send(notices);
    const channels = [...notifier.channels];
    return Response.json({ env: parsed.env, channels, problems, reports } satisfies Told);
  },
};
