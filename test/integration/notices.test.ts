/** Notices of the program itself: never in the way of a stop, and none of their secrets anywhere. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from "vitest";
import { startServer, type TestServer } from "../adapters/server.ts";
import { patientClock, quickClock, runHere } from "../support/here.ts";
import { AMPLE_S } from "../support/patience.ts";
import type { Lane } from "./lane.ts";
import {
  emergencies,
  oneLane,
  stateFolderOf,
  stopIsStored,
  tokenEnv,
  writeConfig,
} from "./lane.ts";
import { API_SECRET, leaks, QA_SECRET } from "./leaks.ts";

let lane: Lane;
/** The sandbox's own configuration: its receivers are the channels. */
let config = "";
oneLane((own) => {
  lane = own;
  config = own.sandbox.description.configPath;
});

let hook: TestServer;
beforeAll(async () => {
  hook = await startServer();
});
afterAll(() => hook.close());
beforeEach(() => lane.sandbox.control.forgetNotices());

/** A channel that answers does so at the first try, also on a busy machine. */
const run = (
  words: readonly string[],
  path: string,
  env: Record<string, string> = {},
  clock = patientClock(),
) =>
  runHere([...words, "--config", path], {
    env: { ...lane.env, ...tokenEnv(lane.sandbox), ...env },
    clock,
  });
const arrived = () =>
  lane.sandbox.control.notices().arrived.map(({ channel, status }) => `${channel} ${status}`);

test("a webhook that never answers: the stop is written and live before it is asked", async () => {
  const path = await writeConfig(lane, { notify: { webhook: { url: `${hook.url}/hook` } } });
  const events: string[] = [];
  let live: Promise<(boolean | null)[]> | null = null;
  hook.reply(() => {
    events.push(`asked after ${[...new Set(lane.written)].sort()}, ${stopIsStored(lane.sandbox)}`);
    live ??= emergencies(lane.sandbox);
  });
  const { code, stdout, stderr } = await run(
    ["not-aus", "--timeout", AMPLE_S],
    path,
    {},
    // Waits for the webhook as long as in production.
    quickClock(),
  );

  expect(events[0]).toMatch(/^asked after config,(journal\/.*,)?stop, true$/);
  expect(await live).toEqual([true]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/✔ not-aus: done[\s\S]*live {6}FRA/)]);
  expect(stderr).toContain("! notification through webhook failed: no answer in time");
  expect(hook.seen[0]?.body).toContain(
    '"title":"NOT-AUS: all traffic is on proxy (the legacy origin)"',
  );
});

test("a stop opens one incident however often it is pulled, and restore closes it", async () => {
  const { control } = lane.sandbox;
  const words = ["--reason", "5xx <!channel> \u001b[31mspike", "--no-verify"];
  expect(await run(["not-aus", ...words], config)).toMatchObject({ code: 0 });
  expect(await run(["not-aus", ...words], config)).toMatchObject({ code: 0 });
  expect(control.notices().pagerduty).toMatchObject({
    pages: 1,
    open: [{ dedupKey: "pixcanary:sandbox:stop", severity: "critical", triggers: 2 }],
  });
  const restored = await run(["restore", "--reason", "fixed", "--yes", "--force"], config);
  expect(restored).toMatchObject({ code: 0 });
  expect(control.notices().pagerduty).toEqual({ pages: 1, open: [] });
  expect(arrived().sort()).toEqual([
    ...Array(3).fill("pagerduty 202"),
    ...Array(3).fill("slack 200"),
    ...Array(3).fill("webhook 204"),
  ]);
  const slack = JSON.stringify(control.notices().arrived.filter((n) => n.channel === "slack"));
  expect(slack).toContain("reason: 5xx &lt;!channel&gt; [31mspike");
  expect(slack).toContain("On-call: the team that runs this sandbox");
});

describe("doctor", () => {
  it("names the channels, and asks none", async () => {
    const { code, stdout } = await run(["doctor"], config);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/✔ notify {7}pagerduty, slack, webhook/),
    ]);
    expect(arrived()).toEqual([]);
    const none = await run(["doctor", "--notify"], await writeConfig(lane));
    expect([none.code, none.stdout]).toEqual([
      20,
      expect.stringMatching(/✖ notify {7}no notification channel/),
    ]);
    expect(none.stdout).toMatch(
      /! contacts {5}not configured: onCall, slack, escalation\n +fix: set/,
    );
  });

  it("--notify sends a test through each, and says whom to mend", async () => {
    lane.sandbox.control.setNotices({ channel: "slack", status: 404 });
    const { code, stdout } = await run(["doctor", "--notify"], config);
    expect(code).toBe(20);
    expect(stdout).toMatch(/✔ pagerduty {4}test notification sent and resolved/);
    expect(stdout).toMatch(/✖ slack {8}refused \(HTTP 404\)\n +fix: the webhook may be revoked/);
    expect(stdout).toMatch(/✔ webhook /);
    expect(stdout).toMatch(
      /✔ contacts {5}On-call: the team .* · After 15 min: .* · Slack: #sandbox/,
    );
    expect(lane.sandbox.control.notices().pagerduty).toEqual({ pages: 1, open: [] });
  });
});

test("mistakes in notify: relief does without that channel, exposure is refused", async () => {
  const text = await readFile(config, "utf8");
  const { notify } = JSON.parse(text).environments.sandbox;
  const path = await writeConfig(lane, {
    notify: {
      ...notify,
      slack: { webhokFile: "x" },
      webhook: { url: "http://example.com" },
      mail: 1,
    },
  });
  const { code, stderr } = await run(["not-aus"], path);
  expect(code).toBe(0);
  expect(stderr.match(/^! continuing despite: .*$/gm)).toEqual([
    expect.stringMatching(/notify\.slack\.webhokFile: unknown setting; did you mean webhookFile\?/),
    expect.stringMatching(/notify\.webhook\.url: must be an https:\/\/ URL/),
    expect.stringMatching(/notify\.mail: unknown setting/),
  ]);
  expect(arrived()).toEqual(["pagerduty 202"]);
  const strict = await run(["restore", "--reason", "x", "--yes"], path);
  expect([strict.code, strict.stderr]).toEqual([2, expect.stringContaining("notify")]);
});

test("a secret that cannot be read is a warning, after the stop", async () => {
  const webhook = { url: `${hook.url}/hook`, tokenFile: "/nowhere/token" };
  const path = await writeConfig(lane, { notify: { pagerduty: {}, webhook } });
  hook.reply((response) => response.writeHead(204).end());
  const { code, stderr } = await run(["not-aus", "--no-verify"], path);
  expect([code, hook.seen]).toEqual([0, []]);
  expect(stderr).toContain(
    "! notification through pagerduty failed: PIXCANARY_PAGERDUTY_KEY is not set",
  );
  expect(stderr).toContain(
    "! notification through webhook failed: cannot read the secret file /nowhere/token",
  );
});

test("services that quote every secret: none is in any output, file or argument", async () => {
  const env = {
    PIXCANARY_PAGERDUTY_KEY: API_SECRET,
    PIXCANARY_SLACK_WEBHOOK: `${hook.url}/services/T/B/${QA_SECRET}`,
    PIXCANARY_WEBHOOK_TOKEN: QA_SECRET,
  };
  const path = await writeConfig(lane, {
    notify: {
      pagerduty: { apiUrl: `${hook.url}/v2/enqueue` },
      slack: {},
      webhook: { url: `${hook.url}/hook` },
    },
  });
  hook.reply((response, { url, headers, body }) => {
    const quoted = `${url} ${headers.authorization} ${body}`.replace(/\s+/g, " ");
    response.writeHead(400, quoted.slice(0, 200).replace(/[^\x20-\x7e]/g, "?"), {
      "x-echo": API_SECRET,
    });
    response.end(quoted);
  });
  const verbs = [
    ["reduce", "--no-verify"],
    ["doctor", "--notify"],
    ["not-aus", "--json"],
  ];
  for (const verb of verbs) {
    const { stdout, stderr } = await run(verb, path, env);
    const journal = await readFile(join(stateFolderOf(lane), "journal.ndjson"), "utf8");
    expect(stdout + stderr).toContain("refused (HTTP 400)");
    expect(leaks({ stdout, stderr, journal })).toEqual([]);
  }
  // They did arrive where they belong.
  const sent = hook.seen.map(({ url, headers, body }) => `${url} ${headers.authorization} ${body}`);
  expect(leaks({ sent: sent.join() })).not.toEqual([]);
});

test("the control API shows what arrived, and makes receivers misbehave", async () => {
  const { controlUrl, noticeUrls } = lane.sandbox.description;
  const asked = async (method: string, body?: object) => {
    const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const answer = await fetch(`${controlUrl}/notices`, init);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const post = () =>
    fetch(noticeUrls?.pagerduty ?? "", { method: "POST", body: "{}" }).then((r) => r.status);
  expect(await post()).toBe(400);
  expect((await asked("PUT", { channel: "pagerduty", status: 503 })).status).toBe(200);
  expect(await post()).toBe(503);
  expect((await asked("PUT", { channel: "fax" })).status).toBe(400);
  expect((await asked("GET")).body.arrived).toMatchObject([{ status: 400 }, { status: 503 }]);
  expect((await asked("DELETE")).body.arrived).toEqual([]);
});
