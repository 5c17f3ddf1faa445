/** No secret that `setup` is given or makes is in its output, or in a file that is not 0600. (AT-19) */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FaultRuleInput } from "../../src/sandbox/api/faults.ts";
import type { CliResult } from "../support/cli.ts";
import { leaks } from "./leaks.ts";
import { filesIn, R2_SECRET, type Stage, stageSetup } from "./setup-stage.ts";

const PAGERDUTY = "r7Kq2Wm9Xz4Lp8Vt6Nb3Yc5Hd1Jf0GsA";
const SLACK = "https://hooks.slack.com/services/T0Q8W7E6R5/B1Z2X3C4V5/u9I8o7P6a5S4d3F2g1H0";

let stage: Stage;
beforeEach(async () => {
  stage = await stageSetup();
  await writeFile(join(stage.dir, "pagerduty"), PAGERDUTY, { mode: 0o600 });
  await writeFile(join(stage.dir, "slack"), SLACK, { mode: 0o600 });
});
afterEach(() => stage.close());

const run = (words: readonly string[]): Promise<CliResult> =>
  stage.setup([
    ...words,
    "--pagerduty-key-file",
    join(stage.dir, "pagerduty"),
    "--slack-webhook-file",
    join(stage.dir, "slack"),
  ]);

async function found(results: readonly CliResult[]): Promise<string[]> {
  const all = await filesIn(stage.dir);
  const made = all[".config/pixcanary/production/worker-secrets.json"]?.text ?? "{}";
  const { COOKIE_KEYS = "{}", ...others } = JSON.parse(made) as Record<string, string>;
  const secrets = [
    stage.env.CLOUDFLARE_API_TOKEN ?? "",
    R2_SECRET,
    PAGERDUTY,
    SLACK.slice(-20),
    ...Object.values(others),
    ...Object.values(JSON.parse(COOKIE_KEYS) as Record<string, string>),
  ];
  const open = Object.entries(all).filter(([, { mode }]) => mode !== "600");
  return leaks(
    {
      ...Object.fromEntries(open.map(([name, { text }]) => [name, text])),
      ...Object.fromEntries(
        results.map(({ stdout, stderr }, nth) => [`run ${nth}`, stdout + stderr]),
      ),
    },
    secrets,
  );
}

test("a set-up with all of them shows none, and the channels get theirs", async () => {
  const results = [
    await run(["--dry-run", "--json", "--verbose"]),
    await run(["--yes", "--json", "--verbose"]),
    await run(["--yes", "--verbose"]),
  ];
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(JSON.parse(results[1]?.stdout ?? "")).toMatchObject({
    command: "setup",
    env: "production",
    outcome: "done",
    changed: true,
    namespace_id: expect.any(String),
    parts: expect.arrayContaining([
      { what: "secret QA_TOKEN", state: "made", detail: "set" },
      { what: "secret PAGERDUTY_ROUTING_KEY", state: "made", detail: "set" },
    ]),
  });
  expect(stage.api.held.secrets.get("SLACK_WEBHOOK_URL")).toBe(SLACK);
  const { environments } = JSON.parse((await filesIn(stage.dir))["pixcanary.json"]?.text ?? "");
  expect(environments.production.notify).toEqual({
    pagerduty: { routingKeyFile: join(stage.dir, "pagerduty") },
    slack: { webhookFile: join(stage.dir, "slack") },
  });
  expect(await found(results)).toEqual([]);
});

test.each<[string, FaultRuleInput]>([
  ["an error that quotes the token", { kind: "echo-authorization", match: { method: "POST" } }],
  [
    "a write that fails",
    { kind: "server-error", match: { method: "PUT", pathContains: "/secrets" } },
  ],
  ["a plain no", { kind: "unsuccessful", match: { pathContains: "/logpush" } }],
])("%s shows none", async (_, fault) => {
  await stage.api.server.faults.replace([fault]);
  const results = [await run(["--yes"]), await run(["--yes", "--json"])];
  expect(results.every(({ code }) => code !== 0)).toBe(true);
  expect(await found(results)).toEqual([]);
});

test("an error that quotes the destination of the logs shows no key", async () => {
  const { buckets } = stage.api.held;
  // There when it is looked for, and gone when the job is made.
  let looks = 0;
  const has = buckets.has.bind(buckets);
  const flickering = (name: string): boolean => {
    if (name === "logs-canary") looks += 1;
    return name === "logs-canary" ? looks === 1 : has(name);
  };
  Object.assign(buckets, { has: flickering });
  const { code, stdout, stderr } = await run(["--yes"]);
  expect([code, stderr]).toEqual([24, expect.stringContaining("error validating destination")]);
  expect(await found([{ code, signal: null, stdout, stderr }])).toEqual([]);
});
