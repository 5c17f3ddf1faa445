/** The Worker's notifier in workerd, with the vars and the e-mail binding that the sandbox gives it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from "vitest";
import type { Notice } from "../../src/domain/notices/notice.ts";
import type { NoticeChannel, Sandbox } from "../../src/sandbox/index.ts";
import { type EmailBinding, parseNotify } from "../../worker/notify/settings.ts";
import { startServer, text } from "../adapters/server.ts";
import { startSandbox } from "../support/sandbox.ts";
import type { Order, Told } from "./notify-program.ts";

const NOTICE: Notice = {
  kind: "trigger",
  key: "pixcanary:sandbox:health",
  env: "sandbox",
  severity: "critical",
  title: "error rate 10 %",
  details: ["over 3 % in each of 3 min"],
  next: "pixcanary not-aus --env sandbox",
  at: "2026-11-15T10:31:02.000Z",
  source: "pix-sandbox",
};
const CHANNELS: readonly NoticeChannel[] = ["pagerduty", "slack", "webhook", "email"];

let sandbox: Sandbox;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pixcanary-notify-"));
  const workerPath = join(folder, "index.js");
  await build({
    entryPoints: [fileURLToPath(new URL("notify-program.ts", import.meta.url))],
    outfile: workerPath,
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "silent",
  });
  sandbox = await startSandbox({
    locations: ["FRA"],
    workerPath,
    logs: false,
  });
});
afterAll(async () => {
  await sandbox?.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await sandbox.control.heal();
  sandbox.control.forgetNotices();
});

async function send(order: Partial<Order> = {}): Promise<Told> {
  const body = JSON.stringify({ notices: [NOTICE], ...order });
  const answer = await fetch(sandbox.description.edgeUrl, { method: "POST", body });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Told;
}

const lines = ({ reports }: Told): string[] =>
  reports.map(({ channel, tries, problem }) => `${channel} ${tries} ${problem ?? "ok"}`);
const arrived = (channel: NoticeChannel) =>
  sandbox.control.notices().arrived.filter((notice) => notice.channel === channel);

test("every channel takes it, the mail through the Worker's binding", async () => {
  const told = await send();
  expect(told).toMatchObject({ env: "sandbox", channels: CHANNELS, problems: [] });
  expect(lines(told)).toEqual(CHANNELS.map((channel) => `${channel} 1 ok`));
  expect(sandbox.control.notices().pagerduty.open).toMatchObject([
    { dedupKey: NOTICE.key, summary: "sandbox: error rate 10 %", severity: "critical" },
  ]);
  expect(arrived("email")).toMatchObject([
    {
      status: 202,
      body: {
        from: "canary@sandbox.example",
        to: ["oncall@sandbox.example"],
        subject: "[pixcanary] sandbox: error rate 10 %",
        text: expect.stringContaining("\nNext: pixcanary not-aus --env sandbox\n"),
      },
    },
  ]);
});

test("several are sent in their order; what is no page is skipped by PagerDuty alone", async () => {
  const kinds = ["trigger", "reminder", "event", "resolve"] as const;
  const notices = kinds.map((kind) => ({ ...NOTICE, kind, severity: "warning" as const }));
  const { reports } = await send({ notices });
  const skipped = reports.filter((report) => report.skipped);
  expect(skipped).toMatchObject([{ channel: "pagerduty", kind: "event", ok: true, tries: 0 }]);
  const actions = arrived("pagerduty").map(({ body }) => Object(body).event_action);
  expect(actions).toEqual(["trigger", "trigger", "resolve"]);
  expect(arrived("webhook").map(({ body }) => Object(body).kind)).toEqual(kinds);
  expect(sandbox.control.notices().pagerduty).toEqual({ pages: 1, open: [] });
});

describe("a channel that does not take it stops no other", () => {
  it.each([
    [429, "refused (HTTP 429)", 2],
    [503, "refused (HTTP 503)", 2],
    [400, "refused (HTTP 400)", 1],
    [404, "refused (HTTP 404)", 1],
  ])("HTTP %i", async (status, problem, tries) => {
    sandbox.control.setNotices({ channel: "pagerduty", status });
    const [pagerduty, ...others] = lines(await send());
    expect(pagerduty).toBe(`pagerduty ${tries} ${problem}`);
    expect(others).toEqual(CHANNELS.slice(1).map((channel) => `${channel} 1 ok`));
    expect(arrived("pagerduty")).toHaveLength(tries);
  });

  it.each([
    [503, "email 2 refused (E_INTERNAL_SERVER_ERROR)"],
    [400, "email 1 refused (E_REFUSED)"],
  ])("the mail service says no (%i)", async (status, line) => {
    sandbox.control.setNotices({ channel: "email", status });
    expect(lines(await send())).toContain(line);
  });

  it("all are silent: the whole ends in time, and every notice has its report", async () => {
    sandbox.control.setNotices({ drop: true });
    const notices = [NOTICE, { ...NOTICE, kind: "resolve" as const }];
    const told = await send({ notices, tryMs: 60_000, totalMs: 200 });
    const late = ["no answer in time", "not sent: time limit reached"];
    expect(lines(told)).toEqual(
      CHANNELS.flatMap((channel) => late.map((problem, nth) => `${channel} ${1 - nth} ${problem}`)),
    );
  });
});

test.each([301, 302, 303, 307, 308])("HTTP %i: no secret goes elsewhere", async (status) => {
  const thief = await startServer();
  thief.reply(text(200, "ok"));
  const trap = await startServer();
  trap.reply((res) => res.writeHead(status, { location: `${thief.url}/x` }).end());
  const told = await send({
    settings: {
      pagerduty: { url: `${trap.url}/v2/enqueue`, routingKey: "k".repeat(32) },
      slack: { url: `${trap.url}/services/T/B/secret` },
      webhook: { url: `${trap.url}/hook`, token: "secret" },
      email: null,
    },
  });
  const problem = `redirects (HTTP ${status}, not followed)`;
  expect(lines(told)).toEqual(["pagerduty", "slack", "webhook"].map((c) => `${c} 1 ${problem}`));
  expect([trap.seen.length, thief.seen]).toEqual([3, []]);
  await Promise.all([thief.close(), trap.close()]);
});

describe("settings", () => {
  const mailer: EmailBinding = { send: async () => undefined };
  const mail = {
    NOTIFY_EMAIL: mailer,
    NOTIFY_EMAIL_FROM: "canary@pix.immo",
    NOTIFY_EMAIL_TO: "a@pix.immo, b@pix.immo,",
  };

  it("nothing set: nobody is told, and nothing is wrong", () => {
    expect(parseNotify({ ENVIRONMENT: "production" })).toEqual({
      env: "production",
      contacts: [],
      pagerduty: null,
      slack: null,
      webhook: null,
      email: null,
      problems: [],
    });
  });

  it("the official addresses by default, others only where they are safe", () => {
    expect(parseNotify({ PAGERDUTY_ROUTING_KEY: " key\n", ...mail })).toMatchObject({
      pagerduty: { url: "https://events.pagerduty.com/v2/enqueue", routingKey: "key" },
      email: { from: "canary@pix.immo", to: ["a@pix.immo", "b@pix.immo"] },
    });
    const url = "https://events.eu.pagerduty.com/v2/enqueue";
    const eu = parseNotify({ PAGERDUTY_ROUTING_KEY: "key", PAGERDUTY_URL: url });
    expect(eu.pagerduty?.url).toBe(url);
  });

  it.each([
    [{ PAGERDUTY_ROUTING_KEY: "s3cret", PAGERDUTY_URL: "http://pd.test" }, "PAGERDUTY_URL is nei"],
    [{ SLACK_WEBHOOK_URL: "http://hooks.test/s3cret" }, "SLACK_WEBHOOK_URL is neither"],
    [{ SLACK_WEBHOOK_URL: "s3cret" }, "SLACK_WEBHOOK_URL is neither"],
    [{ NOTIFY_WEBHOOK_URL: "https://s3cret@hook.test" }, "NOTIFY_WEBHOOK_URL is neither"],
    [
      { NOTIFY_WEBHOOK_URL: "https://hook.test", NOTIFY_WEBHOOK_TOKEN: "s3cret\r\nx: y" },
      "NOTIFY_WEBHOOK_TOKEN is not fit",
    ],
    [{ ...mail, NOTIFY_EMAIL_FROM: "s3cret" }, "NOTIFY_EMAIL_FROM is not"],
    [{ ...mail, NOTIFY_EMAIL_TO: "s3cret" }, "NOTIFY_EMAIL_TO is not"],
    [{ NOTIFY_EMAIL_FROM: "a@pix.immo" }, "NOTIFY_EMAIL is not bound"],
  ])("%o: that channel is left out, and the problem quotes nothing", (env, problem) => {
    const { problems, ...settings } = parseNotify(env);
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(JSON.stringify(problems)).not.toContain("s3cret");
    expect(Object.values(settings)).toEqual(["production", [], null, null, null, null]);
  });

  it("contacts are the parts of one line, as doctor --notify prints it", () => {
    const { contacts } = parseNotify({ NOTIFY_CONTACTS: "On-call: Anna · After 15 min: Ben" });
    expect(contacts).toEqual(["On-call: Anna", "After 15 min: Ben"]);
  });
});
