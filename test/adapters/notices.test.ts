/** The CLI's notifier against receivers that behave well, refuse, are late, lost, or send it elsewhere. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, test, vi } from "vitest";
import { createClock } from "../../src/adapters/clock.ts";
import { createNotifier, type NotifierOptions } from "../../src/adapters/notices.ts";
import { createGrowingRedactor } from "../../src/adapters/redact.ts";
import { loadSecret, type SecretName } from "../../src/adapters/secrets.ts";
import type { NotifyConfig } from "../../src/domain/config/notify.ts";
import type { Notice } from "../../src/domain/notices/notice.ts";
import { delayBefore, retryAfterMs } from "../../src/domain/notices/retry.ts";
import { NoticeReceivers } from "../../src/sandbox/notices/receivers.ts";
import { HANG_MS, PATIENCE } from "../support/patience.ts";
import { closedPort, hang, json, reset, startServer, type TestServer, text } from "./server.ts";

const NOTICE: Notice = {
  kind: "trigger",
  key: "pixcanary:test:stop",
  env: "test",
  severity: "critical",
  title: "NOT-AUS: all traffic is on proxy (the legacy origin)",
  details: ["by tester"],
  next: "pixcanary status --env test",
  at: "2026-11-15T10:31:02.000Z",
  source: "here",
};
/** No waits that a test would feel. */
const LIMITS = { tries: 2, tryMs: HANG_MS, firstDelayMs: 1, maxDelayMs: 5 };

let receivers: NoticeReceivers;
let server: TestServer;
let folder: string;
beforeAll(async () => {
  receivers = new NoticeReceivers();
  await receivers.start();
  server = await startServer();
  folder = await mkdtemp(join(tmpdir(), "pixcanary-notices-"));
});
afterAll(async () => {
  await receivers.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  receivers.heal();
  receivers.forget();
});

const secretEnv = () => ({
  PIXCANARY_PAGERDUTY_KEY: receivers.secrets.routingKey,
  PIXCANARY_SLACK_WEBHOOK: receivers.urls.slack,
  PIXCANARY_WEBHOOK_TOKEN: receivers.secrets.webhookToken,
});
const all = (): NotifyConfig => ({
  pagerduty: { apiUrl: receivers.urls.pagerduty },
  slack: {},
  webhook: { url: receivers.urls.webhook },
});

function notifier(
  config: NotifyConfig | undefined,
  env: Record<string, string> = secretEnv(),
  options: Partial<NotifierOptions> = {},
) {
  const asked: SecretName[] = [];
  const redactor = createGrowingRedactor([]);
  const made = createNotifier({
    config,
    async loadSecret(name, configured) {
      asked.push(name);
      const { stdin } = process;
      const secret = await loadSecret({
        name,
        env,
        configured,
        baseDir: folder,
        home: folder,
        stdin,
      });
      if (secret !== null) redactor.add(secret);
      return secret;
    },
    redact: redactor.redact,
    clock: createClock(),
    random: () => 0.5,
    version: "test",
    limits: LIMITS,
    ...options,
  });
  const signal = () => AbortSignal.timeout(HANG_MS);
  return {
    ...made,
    asked,
    tell: (given: Partial<Notice> = {}) =>
      made.notify({ ...NOTICE, ...given }, { signal: signal() }),
    report: () => made.report(NOTICE, { signal: signal() }),
  };
}

const arrived = () =>
  receivers.state().arrived.map(({ channel, status }) => `${channel} ${status}`);

test("every channel gets it, and the secrets are asked for only then", async () => {
  const { channels, tell, asked } = notifier(all());
  expect(channels).toEqual(["pagerduty", "slack", "webhook"]);
  expect(asked).toEqual([]);
  expect(await tell()).toEqual([]);
  expect(arrived().sort()).toEqual(["pagerduty 202", "slack 200", "webhook 204"]);
  expect(receivers.state().pagerduty.open).toMatchObject([
    { dedupKey: NOTICE.key, severity: "critical", triggers: 1 },
  ]);
  expect(await tell({ kind: "resolve" })).toEqual([]);
  expect(receivers.state().pagerduty).toEqual({ pages: 1, open: [] });
});

test("what would keep it from being sent is told without sending it", async () => {
  expect(await notifier(all()).unready(NOTICE)).toEqual([]);
  const { unready } = notifier({ pagerduty: {}, slack: {} }, {});
  const found = await unready(NOTICE);
  expect(found.map(({ channel, problem }) => `${channel}: ${problem}`)).toEqual([
    "pagerduty: PIXCANARY_PAGERDUTY_KEY is not set",
    "slack: PIXCANARY_SLACK_WEBHOOK is not set",
  ]);
  expect(arrived()).toEqual([]);
});

test("an event that is not critical does not page", async () => {
  expect(await notifier(all()).tell({ kind: "event", severity: "warning" })).toEqual([]);
  expect(arrived().sort()).toEqual(["slack 200", "webhook 204"]);
});

test("nothing is configured: nothing is asked, nothing is sent", async () => {
  for (const config of [undefined, {}]) {
    const { channels, tell, asked } = notifier(config);
    expect([channels, await tell(), asked, arrived()]).toEqual([[], [], [], []]);
  }
});

describe("a channel that does not take it is a warning, and stops no other", () => {
  it.each([
    [500, "refused (HTTP 500)", 2],
    [503, "refused (HTTP 503)", 2],
    [429, "refused (HTTP 429)", 2],
    [400, "refused (HTTP 400)", 1],
    [403, "refused (HTTP 403)", 1],
    [404, "refused (HTTP 404)", 1],
  ])("HTTP %i", async (status, problem, tries) => {
    receivers.set({ status }, "slack");
    expect(await notifier(all()).tell()).toEqual([`notification through slack failed: ${problem}`]);
    const lines = arrived().sort();
    expect(lines).toEqual([
      "pagerduty 202",
      ...Array(tries).fill(`slack ${status}`),
      "webhook 204",
    ]);
  });

  it("is late: the time of one attempt, twice", async () => {
    receivers.set({ drop: true }, "pagerduty");
    const { pagerduty } = all();
    const { tell } = notifier({ pagerduty }, secretEnv(), { limits: { ...LIMITS, tryMs: 300 } });
    expect(await tell()).toEqual(["notification through pagerduty failed: no answer in time"]);
    expect(arrived().length).toBeLessThanOrEqual(2);
  });

  it("took it at the second attempt: no warning", async () => {
    server.reply(reset, text(200, "ok"));
    const { tell } = notifier({ webhook: { url: `${server.url}/hook` } });
    expect(await tell()).toEqual([]);
    expect(server.seen).toHaveLength(2);
    server.reply(json(429, {}, { "retry-after": "0" }), text(200, "ok"));
    expect(await tell()).toEqual([]);
    server.reply(json(429, {}, { "retry-after": "60" }), text(200, "ok"));
    expect(await tell()).toEqual(["notification through webhook failed: refused (HTTP 429)"]);
  });

  it("is not there at all", async () => {
    const url = `http://127.0.0.1:${await closedPort()}/hook`;
    expect(await notifier({ webhook: { url } }).tell()).toEqual([
      "notification through webhook failed: connection refused",
    ]);
  });

  it("the whole ends with the signal, whatever hangs", async () => {
    server.reply(hang);
    const made = notifier({ webhook: { url: server.url } }, {});
    const over = new AbortController();
    const telling = made.notify(NOTICE, { signal: over.signal });
    await vi.waitFor(() => expect(server.seen).toHaveLength(1), PATIENCE);
    over.abort();
    expect(await telling).toEqual(["notification through webhook failed: no answer in time"]);
  });
});

describe("secrets", () => {
  it.each([301, 302, 303, 307, 308])("HTTP %i: nobody else gets one", async (status) => {
    const thief = await startServer();
    thief.reply(text(200, "ok"));
    server.reply((res) => res.writeHead(status, { location: `${thief.url}/x` }).end());
    const config: NotifyConfig = {
      pagerduty: { apiUrl: `${server.url}/v2/enqueue` },
      slack: {},
      webhook: { url: `${server.url}/hook` },
    };
    const env = { ...secretEnv(), PIXCANARY_SLACK_WEBHOOK: `${server.url}/services/T/B/secret` };
    const problem = `redirects (HTTP ${status}, not followed)`;
    expect(await notifier(config, env).tell()).toEqual([
      `notification through pagerduty failed: ${problem}`,
      `notification through slack failed: ${problem}`,
      `notification through webhook failed: ${problem}`,
    ]);
    expect(server.seen).toHaveLength(3);
    expect(server.seen.some(({ headers }) => headers.authorization !== undefined)).toBe(true);
    expect(thief.seen).toEqual([]);
    await thief.close();
  });

  it("a sender that follows a redirect is caught", async () => {
    const thief = await startServer();
    thief.reply(text(200, "ok"));
    server.reply((res) => res.writeHead(307, { location: `${thief.url}/x` }).end());
    await fetch(server.url, { method: "POST", body: receivers.secrets.routingKey });
    expect(thief.seen).toMatchObject([{ body: receivers.secrets.routingKey }]);
    await thief.close();
  });

  it("none is in a warning, whatever the other side says, nor in a notice that quotes it", async () => {
    const { routingKey, webhookToken } = receivers.secrets;
    server.reply((res, { headers, body }) => {
      res.writeHead(400).end(`${headers.authorization} ${body}`);
    });
    const config = {
      pagerduty: { apiUrl: `${server.url}/v2/enqueue` },
      webhook: { url: `${server.url}/hook` },
    };
    const { report, tell } = notifier(config);
    const said = JSON.stringify([await report(), await report()]);
    expect(said).toContain("refused (HTTP 400)");
    for (const secret of [routingKey, webhookToken]) expect(said).not.toContain(secret);
    // Known by then: a reason that quotes it leaves without it.
    await tell({ title: `pasted ${webhookToken}`, details: [webhookToken], next: webhookToken });
    const hook = server.seen.filter(({ url }) => url === "/hook").at(-1);
    expect(hook?.body).toContain("pasted ***");
    expect(hook?.body).not.toContain(webhookToken);
  });

  it("one that is missing or unfit says what to do, and is not shown", async () => {
    const open = join(folder, "open");
    await writeFile(open, "https://hooks.slack.test/services/T/B/very-secret");
    await chmod(open, 0o644);
    const config: NotifyConfig = { pagerduty: {}, slack: { webhookFile: open } };
    expect(await notifier(config, {}).report()).toEqual([
      {
        channel: "pagerduty",
        problem: "PIXCANARY_PAGERDUTY_KEY is not set",
        fix: "export PIXCANARY_PAGERDUTY_KEY=…, or set notify.pagerduty.routingKeyFile in pixcanary.json",
        again: false,
      },
      {
        channel: "slack",
        problem: expect.stringMatching(/can be read or changed by others \(mode 0644\)/),
        fix: expect.stringMatching(/^run: chmod 600 /),
        again: false,
      },
    ]);
    const clear = { PIXCANARY_SLACK_WEBHOOK: "http://hooks.slack.test/services/T/B/very-secret" };
    const [unfit] = await notifier({ slack: {} }, clear).report();
    expect(unfit?.problem).toBe(
      "the PIXCANARY_SLACK_WEBHOOK from environment PIXCANARY_SLACK_WEBHOOK is not an https:// address",
    );
    expect(JSON.stringify(unfit)).not.toContain("very-secret");
  });

  it("a webhook without a token gets none", async () => {
    server.reply(text(204, ""));
    expect(await notifier({ webhook: { url: server.url } }, {}).tell()).toEqual([]);
    expect(server.seen[0]?.headers.authorization).toBeUndefined();
  });
});

test("delays grow, are jittered, and end where there is no sense in another try", () => {
  const limits = { tries: 9, tryMs: 1, firstDelayMs: 100, maxDelayMs: 1_000 };
  const after = (tries: number, answer: Parameters<typeof delayBefore>[1], random = 0.999) =>
    delayBefore(tries, answer, limits, random);
  const lost = { status: null, why: "lost" } as const;
  expect([1, 2, 3, 4, 5, 99].map((tries) => after(tries, lost))).toEqual([
    99, 199, 399, 799, 999, 999,
  ]);
  expect(after(3, lost, 0)).toBe(0);
  expect(after(1, { ...lost, final: true })).toBeNull();
  for (const status of [200, 202, 301, 400, 401, 404, 499]) {
    expect(after(1, { status, retryAfterMs: null })).toBeNull();
  }
  expect(after(1, { status: 500, retryAfterMs: null })).toBe(99);
  expect(after(1, { status: 429, retryAfterMs: 500 })).toBe(599);
  expect(after(1, { status: 429, retryAfterMs: 1_001 })).toBeNull();
  expect([null, "", "7", "-1", "Wed, 21 Oct 2026 07:28:00 GMT"].map(retryAfterMs)).toEqual([
    null,
    null,
    7_000,
    null,
    null,
  ]);
});
