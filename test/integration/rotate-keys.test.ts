/** Rotation of the Worker's keys in a sandbox: the Workers run with what its API was given, and show it at /qa. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createAccountAdmin } from "../../src/adapters/account-admin.ts";
import { createClock } from "../../src/adapters/clock.ts";
import { createCloudflareClient } from "../../src/adapters/cloudflare-client.ts";
import { createKeyFiles } from "../../src/adapters/key-files.ts";
import { createQaProbe } from "../../src/adapters/qa-client.ts";
import { createSecretFiles } from "../../src/adapters/secret-files.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import type { Outcome } from "../../src/commands/command.ts";
import { applyRotation, planRotation, type RotationPorts } from "../../src/commands/rotate-keys.ts";
import { parseCanaryHeader } from "../../src/domain/decision/headers.ts";
import { KEY_LIFE_MS } from "../../src/domain/setup/key-rotation.ts";
import type { QaProbe } from "../../src/ports/visitors.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { WORKER_NAME } from "../../src/sandbox/types.ts";
import { patientClock } from "../support/here.ts";
import { WORKER_PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";

let sandbox: Sandbox;
let dir = "";
let nowMs = 1_800_000_000_000;
const hide = { onSecret: () => undefined };
const qaTokenPath = () => join(dir, "qa-token");
beforeAll(async () => {
  await ensureBundle();
  sandbox = await startSandbox({
    ...{ locations: ["FRA", "AMS"], lagMs: { min: 0, max: 0 }, percent: 100 },
    ...{ patience: WORKER_PATIENCE, rateLimits: false, logs: false, notices: false },
  });
});
afterAll(() => sandbox?.close());
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "pixcanary-keys-"));
  const made = await createSecretFiles({ folder: dir, ...hide }).complete();
  const secrets = Object.entries(made).map(([name, value]) => [name, value.reveal()]);
  await sandbox.control.account.worker.setSecrets(Object.fromEntries(secrets));
});
afterEach(async () => {
  await sandbox.control.clearFaults();
  await rm(dir, { recursive: true, force: true });
});

const held = (name: string): string => sandbox.control.account.secrets.get(name) ?? "{}";
const keyFiles = () => createKeyFiles({ folder: dir, qaTokenPath: qaTokenPath(), ...hide });
const ownToken = async () => (await readFile(qaTokenPath(), "utf8")).trim();

function qaWith(token: string): QaProbe {
  const urls = sandbox.description.locations.map(({ url }) => `${url}/qa`);
  return createQaProbe({ urls, token: new Secret(token, "test"), clock: patientClock() });
}

/** By location, as its Worker shows them. */
async function shownKeys(): Promise<unknown[]> {
  const qa = qaWith(await ownToken());
  const { signal } = new AbortController();
  const seen = qa.urls.map((url) => qa.look(url, { health: "cached", signal }));
  return (await Promise.all(seen)).map((sighting) => sighting.qa?.cookie_key_ids);
}

async function ports(qa?: QaProbe): Promise<RotationPorts> {
  const { apiBaseUrl, apiToken, accountId } = sandbox.description;
  const token = new Secret(apiToken, "test");
  const client = createCloudflareClient({ apiBaseUrl, token, version: "test" });
  const clock = { ...createClock(), now: () => nowMs, sleep: async () => undefined };
  return {
    target: { worker: WORKER_NAME } as RotationPorts["target"],
    qa: qa ?? qaWith(await ownToken()),
    clock,
    interrupt: new AbortController().signal,
    account: createAccountAdmin({ client, accountId, clock }),
    keyFiles: keyFiles(),
  };
}

async function rotate(qaToken = false, qa?: QaProbe): Promise<Outcome<unknown>> {
  const given = await ports(qa);
  const how = { qaToken, timeoutMs: 60_000, again: "again" };
  const plan = await planRotation(how, given);
  return plan.kind === "ended" ? plan.outcome : applyRotation(plan.steps, how, given);
}

/** A visit to each location: what decided for it, and the cookie that it left. */
async function visit(cookie = ""): Promise<{ decided: string; cookie: string }> {
  const [own, ...others] = await Promise.all(
    sandbox.description.locations.map(async ({ url }) => {
      const answer = await fetch(`${url}/api/jobs`, { headers: { cookie } });
      await answer.arrayBuffer();
      const { cohort, reason } = parseCanaryHeader(answer.headers.get("x-pix-canary")) ?? {};
      const [left = ""] = answer.headers.getSetCookie().map((text) => text.split(";")[0] ?? "");
      return { decided: `${cohort} (${reason})`, cookie: left };
    }),
  );
  for (const { decided } of others) expect(decided).toBe(own?.decided);
  return own ?? { decided: "", cookie: "" };
}

describe("cookie keys", () => {
  test("are added, sign, and are retired when no cookie of the old one is left", async () => {
    const { cookie } = await visit();
    expect(await rotate()).toMatchObject({
      kind: "done",
      data: { key_ids: ["k1", "k2"] },
      next: "again",
    });
    expect(await shownKeys()).toEqual([
      ["k1", "k2"],
      ["k1", "k2"],
    ]);
    expect((await visit(cookie)).decided).toBe("native (cookie)");
    expect(await rotate()).toMatchObject({ kind: "done", data: { key_ids: ["k2", "k1"] } });
    expect((await visit(cookie)).decided).toBe("native (cookie)");
    const { cookie: newer } = await visit();
    expect(await rotate()).toMatchObject({ kind: "pending" });
    nowMs += KEY_LIFE_MS - 1;
    expect(await rotate()).toMatchObject({
      kind: "pending",
      waitingFor: expect.stringContaining("k1"),
    });
    expect(await shownKeys()).toEqual([
      ["k2", "k1"],
      ["k2", "k1"],
    ]);
    nowMs += 1;
    expect(await rotate()).toMatchObject({ kind: "done", data: { key_ids: ["k2"] } });
    expect(await shownKeys()).toEqual([["k2"], ["k2"]]);
    expect(await keyFiles().cookieKeyIds()).toEqual(["k2"]);
    expect((await visit(newer)).decided).toBe("native (cookie)");
    expect((await visit(cookie)).decided).toBe("native (sampled)");
  });

  test("that the Worker did not get are given to it by the next run", async () => {
    await sandbox.control.setFaults([
      { kind: "reset-before", match: { pathContains: "/secrets" } },
    ]);
    expect(await rotate()).toMatchObject({
      kind: "failed",
      truth: expect.stringContaining("run this again"),
    });
    const file = await readFile(join(dir, "worker-secrets.json"), "utf8");
    await sandbox.control.clearFaults();
    expect(await shownKeys()).toEqual([["k1"], ["k1"]]);
    expect(await rotate()).toMatchObject({ kind: "done", data: { move: "hand-over" } });
    expect(held("COOKIE_KEYS")).toBe(JSON.parse(file).COOKIE_KEYS);
    expect(await shownKeys()).toEqual([
      ["k1", "k2"],
      ["k1", "k2"],
    ]);
    expect(await readFile(join(dir, "worker-secrets.json"), "utf8")).toBe(file);
  });

  test("of another operator's newer file are not replaced", async () => {
    const mine = await readFile(join(dir, "worker-secrets.json"), "utf8");
    expect(await rotate()).toMatchObject({ kind: "done", data: { move: "add" } });
    const theirs = held("COOKIE_KEYS");
    await writeFile(join(dir, "worker-secrets.json"), mine);
    expect(await rotate()).toMatchObject({
      kind: "failed",
      code: "conflict",
      message: expect.stringContaining("the key k2"),
    });
    expect(held("COOKIE_KEYS")).toBe(theirs);
  });

  test("stay as they are while a /qa does not show its own", async () => {
    const refused = qaWith("a-token-that-no-location-knows-of-40-let");
    expect(await rotate(false, refused)).toMatchObject({ kind: "pending" });
    expect([await shownKeys(), await keyFiles().cookieKeyIds()]).toEqual([
      [["k1"], ["k1"]],
      ["k1"],
    ]);
  });

  test("a token without the right to set secrets names it", async () => {
    await sandbox.control.setFaults([{ kind: "forbidden", match: { method: "PUT" } }]);
    expect(await rotate()).toMatchObject({
      kind: "failed",
      code: "auth",
      message: expect.stringContaining("it needs Workers Scripts: Edit"),
    });
  });
});

describe("the /qa token", () => {
  const tokens = async () => ({
    worker: held("QA_TOKEN"),
    file: JSON.parse(await readFile(join(dir, "worker-secrets.json"), "utf8")).QA_TOKEN,
    operator: await ownToken(),
  });

  test("is new in the Worker and in both files, and opens /qa where the old one does no longer", async () => {
    const before = await tokens();
    expect(await rotate(true)).toMatchObject({ kind: "done" });
    const after = await tokens();
    expect(new Set(Object.values(after)).size).toBe(1);
    expect(after.worker).not.toBe(before.worker);
    expect(await shownKeys()).toEqual([["k1"], ["k1"]]);
    const qa = qaWith(before.operator);
    const { signal } = new AbortController();
    const seen = qa.urls.map((url) => qa.look(url, { health: "cached", signal }));
    expect((await Promise.all(seen)).map(({ status }) => status)).toEqual([401, 401]);
  });

  test("of a run that was cut off is the one that the next run gives", async () => {
    const before = await tokens();
    await sandbox.control.setFaults([{ kind: "reset-after", match: { pathContains: "/secrets" } }]);
    expect(await rotate(true)).toMatchObject({ kind: "failed" });
    const cut = await tokens();
    expect([cut.worker, cut.operator]).toEqual([cut.file, before.operator]);
    await sandbox.control.clearFaults();
    expect(await rotate(true)).toMatchObject({ kind: "done" });
    expect(await tokens()).toEqual({ worker: cut.file, file: cut.file, operator: cut.file });
  });
});
