/** `setup` against an account of the sandbox's API: what it makes, and what it leaves as it is. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { FIELD_NAMES } from "../../src/domain/setup/logpush-fields.ts";
import { parseConfig, parseStop } from "../../src/domain/state/documents.ts";
import { ACCOUNT, NAMESPACE } from "../sandbox/api-harness.ts";
import { ensureCli, runCli } from "../support/cli.ts";
import { PATIENCE } from "../support/patience.ts";
import {
  filesIn,
  QA_URL,
  R2_SECRET,
  type Stage,
  stageSetup,
  stateOf,
  WRANGLER,
  writes,
} from "./setup-stage.ts";

let stage: Stage;
beforeAll(() => ensureCli());
beforeEach(async () => {
  stage = await stageSetup();
});
afterEach(() => stage.close());

const SECRETS = ".config/pixcanary/production/worker-secrets.json";
const QA_TOKEN = ".config/pixcanary/production/qa-token";

describe("an empty account", () => {
  test("a dry run shows all that would be made, and makes nothing", async () => {
    const before = await filesIn(stage.dir);
    const { code, stdout, stderr } = await stage.setup(["--dry-run"]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("setup → production")]);
    for (const what of [
      "KV namespace",
      "stop",
      "config",
      "R2 bucket logs-canary",
      "Logpush job",
      "secret QA_TOKEN",
    ])
      expect(stdout).toContain(what);
    expect(stdout).toContain("dry run: nothing was written");
    expect(writes(stage)).toEqual([]);
    expect(await filesIn(stage.dir)).toEqual(before);
  });

  test("without a terminal and --yes it shows the plan and makes nothing", async () => {
    const { code, stderr } = await stage.setup([]);
    expect(code).toBe(22);
    expect(stderr).toContain("KV namespace");
    expect(writes(stage)).toEqual([]);
  });

  test("all of it is made", async () => {
    const { code, stdout, stderr } = await stage.setup(["--yes"]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("made      KV namespace")]);
    expect(stdout).toContain("✔ setup: done");
    const { held, store } = stage.api;
    expect(held.namespaces.list()).toEqual([{ id: NAMESPACE, title: "pix-sandbox-canary-config" }]);
    expect(parseStop(store.text("stop"))).toMatchObject({
      value: { active: false, releases: { stops: [] } },
    });
    expect(parseConfig(store.text("config"))).toMatchObject({
      value: { canary_percent: 0, canary_tag: "B2a", emergency_proxy: false },
    });
    expect([...held.buckets].sort()).toEqual(["logs-canary", "piximmo-media"]);
    expect(held.jobs).toMatchObject([
      {
        dataset: "workers_trace_events",
        enabled: true,
        filter: '{"where":{"key":"ScriptName","operator":"eq","value":"pix-sandbox"}}',
        output_options: { field_names: [...FIELD_NAMES] },
      },
    ]);
    const { destination_conf: destination = "" } = held.jobs[0] ?? {};
    expect(destination.split("?")[0]).toBe("r2://logs-canary/b2a/{DATE}");
    expect(new URLSearchParams(destination.split("?")[1]).get("secret-access-key")).toBe(R2_SECRET);
  });

  test("the Worker has the secrets that are in the operator's files, which are his alone", async () => {
    await stage.setup(["--yes"]);
    const files = await filesIn(stage.dir);
    expect([files[SECRETS]?.mode, files[QA_TOKEN]?.mode]).toEqual(["600", "600"]);
    expect(Object.fromEntries(stage.api.held.secrets)).toEqual(
      JSON.parse(files[SECRETS]?.text ?? ""),
    );
    expect(stage.api.held.secrets.get("QA_TOKEN")).toBe(files[QA_TOKEN]?.text.trim());
    const keys = JSON.parse(stage.api.held.secrets.get("COOKIE_KEYS") ?? "");
    expect(Buffer.from(keys.k1, "base64")).toHaveLength(32);
  });

  test("pixcanary.json names what was made", async () => {
    await stage.setup(["--yes"]);
    const file = JSON.parse(await readFile(join(stage.dir, "pixcanary.json"), "utf8"));
    expect(file.environments.production).toEqual({
      accountId: ACCOUNT,
      namespaceId: NAMESPACE,
      worker: "pix-sandbox",
      qaUrls: [QA_URL],
      apiBaseUrl: stage.api.base,
      canaryTag: "B2a",
      dataset: "canary_requests",
      mediaBucket: "piximmo-media",
      logsBucket: "logs-canary",
      logsPrefix: "b2a/",
      qaTokenFile: "~/.config/pixcanary/production/qa-token",
    });
  });

  test("wrangler's file has the bindings, and every other byte as before", async () => {
    await stage.setup(["--yes"]);
    const text = await readFile(join(stage.dir, "wrangler.jsonc"), "utf8");
    const back = text
      .replace(
        `"CLOUDFLARE_ACCOUNT_ID": "${ACCOUNT}"`,
        `"CLOUDFLARE_ACCOUNT_ID": "${"0".repeat(32)}"`,
      )
      .replace(`"id": "${NAMESPACE}"`, '"id": "00000000000000000000000000000001"')
      .replace(/,\n {4}"ANALYTICS_DATASET": "canary_requests"/, "")
      .replace(/,\n {2}"logpush": true/, "")
      .replace(/,\n {2}"analytics_engine_datasets": \[[^\]]*\]/, "");
    expect(back).toBe(WRANGLER);
    expect(text).toContain('"binding": "METRICS"');
  });
});

test("a second run changes nothing, and writes to nobody", async () => {
  await stage.setup(["--yes"]);
  const [state, files] = [await stateOf(stage), await filesIn(stage.dir)];
  stage.api.server.forgetRequests();
  const { code, stdout } = await stage.setup(["--yes"]);
  expect(code).toBe(0);
  expect(stdout).toContain("✔ setup: nothing to change");
  expect(writes(stage)).toEqual([]);
  expect(await stateOf(stage)).toBe(state);
  expect(await filesIn(stage.dir)).toEqual(files);
});

test("killed while the Worker gets its secrets, the program ends the same when run again", async () => {
  await stage.setup(["--yes"]);
  const undisturbed = await stateOf(stage);
  const other = await stageSetup();
  try {
    const hanging = { method: "PUT", pathContains: "/secrets" };
    await other.api.server.faults.replace([{ kind: "hang", match: hanging, after: 1 }]);
    const words = ["setup", "--env", "production", "--qa-url", QA_URL, "--yes"];
    const killed = await runCli(words, {
      env: other.env,
      cwd: other.dir,
      onStart: (child) => {
        const puts = () => writes(other).filter((one) => one.endsWith("/secrets")).length;
        void vi.waitUntil(() => puts() === 2, PATIENCE).then(() => child.kill("SIGKILL"));
      },
    });
    expect(killed.signal).toBe("SIGKILL");
    await other.api.server.faults.clear();
    expect((await other.setup(["--yes"])).code).toBe(0);
    expect(await stateOf(other)).toBe(undisturbed);
  } finally {
    await other.close();
  }
});

/** Call number n is done or not, its answer lost, and no later one gets through. */
const CUTS = [
  [
    "done",
    (n: number) => [
      { kind: "reset-after" as const, after: n - 1, times: 1 },
      { kind: "reset-before" as const, after: n },
    ],
  ],
  ["not done", (n: number) => [{ kind: "reset-before" as const, after: n - 1 }]],
] as const;

test.each(CUTS)(
  "cut off at each of its API calls (%s), it ends the same when run again",
  async (_, faults) => {
    await stage.setup(["--yes"]);
    const undisturbed = await stateOf(stage);
    const calls = stage.api.server.requests().length;
    expect(calls).toBeGreaterThan(20);
    for (let n = 1; n <= calls; n += 1) {
      const other = await stageSetup();
      try {
        await other.api.server.faults.replace(faults(n));
        const cut = await other.setup(["--yes"]);
        expect(cut.code, `cut at ${n}`).toBe(24);
        await other.api.server.faults.clear();
        const again = await other.setup(["--yes"]);
        expect(again.code, `cut at ${n}\n${cut.stderr}\n${again.stderr}`).toBe(0);
        expect(await stateOf(other), `cut at ${n}`).toBe(undisturbed);
      } finally {
        await other.close();
      }
    }
  },
);
