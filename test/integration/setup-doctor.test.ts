/**
 * From an empty account to a first `doctor` that passes, then a stop and its release. The sandbox's Workers run
 * from the start and take their secrets from there: the /qa token is the operator's own, which `setup` adopts.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { type CliResult, PLAIN_ENV } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { WORKER_PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { R2_KEY, WRANGLER } from "./setup-stage.ts";

const QA_TOKEN = "the-operators-own-qa-token-of-40-letters";

let sandbox: Sandbox;
let dir = "";
beforeAll(async () => {
  await ensureBundle();
  sandbox = await startSandbox({
    empty: true,
    locations: ["FRA"],
    lagMs: { min: 0, max: 0 },
    rateLimits: false,
    patience: WORKER_PATIENCE,
    vars: { QA_TOKEN, GUARDIAN: "off" },
  });
  dir = await mkdtemp(join(tmpdir(), "pixcanary-first-"));
  const folder = join(dir, ".config/pixcanary/sandbox");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, "qa-token"), QA_TOKEN, { mode: 0o600 });
  await writeFile(join(dir, "wrangler.jsonc"), WRANGLER);
});
afterAll(async () => {
  await sandbox?.close();
  await rm(dir, { recursive: true, force: true });
});

function pixcanary(...words: string[]): Promise<CliResult> {
  const { apiBaseUrl, apiToken } = sandbox.description;
  const env = {
    ...PLAIN_ENV,
    HOME: dir,
    XDG_STATE_HOME: join(dir, "state"),
    CI: "true",
    CLOUDFLARE_API_BASE_URL: apiBaseUrl,
    CLOUDFLARE_API_TOKEN: apiToken,
    PIXCANARY_R2_KEY: R2_KEY,
  };
  return runHere(words, { env, cwd: dir, clock: patientClock() });
}

test("what setup made passes doctor, without a warning but that of metrics", async () => {
  const qaUrl = `${sandbox.description.locations[0]?.url}/qa`;
  const words = ["--env", "sandbox", "--qa-url", qaUrl, "--logs-bucket", "logs-canary"];
  const made = await pixcanary("setup", ...words, "--dataset", "canary_requests", "--yes");
  expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("made      Logpush job")]);
  const { code, stdout, stderr } = await pixcanary("doctor", "--json");
  expect([code, stderr]).toEqual([0, expect.anything()]);
  const { checks } = JSON.parse(stdout) as { checks: { name: string; result: string }[] };
  // Analytics Engine knows no dataset before its first point.
  expect(checks.filter(({ result }) => result !== "pass").map(({ name }) => name)).toEqual([
    "metrics",
  ]);
  for (const name of ["namespace", "KV write", "config", "stop", "logs"])
    expect(checks).toContainEqual(expect.objectContaining({ name, result: "pass" }));
});

test("its keys rotate: the first move adds one, the next waits until the Worker shows it", async () => {
  const keys = (): string[] =>
    Object.keys(JSON.parse(sandbox.control.account.secrets.get("COOKIE_KEYS") ?? "{}"));
  const dry = await pixcanary("setup", "rotate-keys", "--dry-run");
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining("k1, k2 (add)")]);
  expect(keys()).toEqual(["k1"]);
  const added = await pixcanary("setup", "rotate-keys", "--yes", "--json");
  expect([added.code, JSON.parse(added.stdout)]).toEqual([
    0,
    expect.objectContaining({ command: "setup rotate-keys", move: "add", key_ids: ["k1", "k2"] }),
  ]);
  // The sandbox's Workers keep the keys that they began with.
  const again = await pixcanary("setup", "rotate-keys", "--yes");
  expect([again.code, again.stdout]).toEqual([
    0,
    expect.stringContaining("✔ setup rotate-keys: done"),
  ]);
  expect(keys()).toEqual(["k1", "k2"]);
});

test("a stop and its release work on it", async () => {
  const stop = await pixcanary("not-aus", "--reason", "the first one");
  expect([stop.code, stop.stderr]).toEqual([0, expect.anything()]);
  const words = ["--to", "5", "--reason", "it was the first one", "--yes", "--force"];
  const back = await pixcanary("restore", ...words);
  expect([back.code, back.stderr]).toEqual([0, expect.anything()]);
  expect(JSON.parse(sandbox.control.store.text("config") ?? "")).toMatchObject({
    canary_percent: 5,
  });
});
