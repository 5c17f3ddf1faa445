/** Rotation of the Worker's keys against the sandbox's API, with a /qa that shows what the Worker was given. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAccountAdmin } from "../../src/adapters/account-admin.ts";
import { createClock } from "../../src/adapters/clock.ts";
import { createCloudflareClient } from "../../src/adapters/cloudflare-client.ts";
import { createKeyFiles } from "../../src/adapters/key-files.ts";
import { createSecretFiles } from "../../src/adapters/secret-files.ts";
import { Secret } from "../../src/adapters/secrets.ts";
import type { Outcome } from "../../src/commands/command.ts";
import { applyRotation, planRotation, type RotationPorts } from "../../src/commands/rotate-keys.ts";
import { KEY_LIFE_MS } from "../../src/domain/setup/key-rotation.ts";
import { ACCOUNT, type ApiUnderTest, startApi } from "../sandbox/api-harness.ts";

let api: ApiUnderTest;
let dir = "";
let nowMs = 1_800_000_000_000;
const hide = { onSecret: () => undefined };
const qaTokenPath = () => join(dir, "qa-token");
beforeEach(async () => {
  api = await startApi({ empty: true });
  dir = await mkdtemp(join(tmpdir(), "pixcanary-keys-"));
  const made = await createSecretFiles({ folder: dir, ...hide }).complete();
  for (const [name, value] of Object.entries(made)) api.held.secrets.set(name, value.reveal());
});
afterEach(async () => {
  await api.close();
  await rm(dir, { recursive: true, force: true });
});

const workersKeys = (): string[] =>
  Object.keys(JSON.parse(api.held.secrets.get("COOKIE_KEYS") ?? "{}"));
const keyFiles = () => createKeyFiles({ folder: dir, qaTokenPath: qaTokenPath(), ...hide });

function ports(shown: () => string[] | null = workersKeys): RotationPorts {
  const token = new Secret(api.token("full"), "test");
  const client = createCloudflareClient({ apiBaseUrl: api.base, token, version: "test" });
  const clock = { ...createClock(), now: () => nowMs, sleep: async () => undefined };
  const sighting = () => {
    const cookie_key_ids = shown();
    return { qa: cookie_key_ids === null ? null : { cookie_key_ids } } as never;
  };
  return {
    target: { worker: "pix-sandbox" } as RotationPorts["target"],
    qa: { urls: ["https://a/qa", "https://b/qa"], look: async () => sighting() },
    clock,
    interrupt: new AbortController().signal,
    account: createAccountAdmin({ client, accountId: ACCOUNT, clock }),
    keyFiles: keyFiles(),
  };
}

async function rotate(qaToken = false, given = ports()): Promise<Outcome<unknown>> {
  const how = { qaToken, timeoutMs: 60_000, again: "again" };
  const plan = await planRotation(how, given);
  return plan.kind === "ended" ? plan.outcome : applyRotation(plan.steps, how, given);
}

describe("cookie keys", () => {
  test("are added, sign, and are retired when no cookie of the old one is left", async () => {
    const [old] = Object.entries(JSON.parse(api.held.secrets.get("COOKIE_KEYS") ?? "{}"));
    expect(await rotate()).toMatchObject({
      kind: "done",
      data: { key_ids: ["k1", "k2"] },
      next: "again",
    });
    expect(await rotate()).toMatchObject({ kind: "done", data: { key_ids: ["k2", "k1"] } });
    expect(JSON.parse(api.held.secrets.get("COOKIE_KEYS") ?? "{}")).toMatchObject(
      Object.fromEntries([old ?? []]),
    );
    expect(await rotate()).toMatchObject({ kind: "pending" });
    nowMs += KEY_LIFE_MS - 1;
    expect(await rotate()).toMatchObject({
      kind: "pending",
      waitingFor: expect.stringContaining("k1"),
    });
    expect(workersKeys()).toEqual(["k2", "k1"]);
    nowMs += 1;
    expect(await rotate()).toMatchObject({ kind: "done", data: { key_ids: ["k2"] } });
    expect(workersKeys()).toEqual(["k2"]);
    expect(await keyFiles().cookieKeyIds()).toEqual(["k2"]);
  });

  test("that the Worker did not get are given to it by the next run", async () => {
    await api.server.faults.replace([
      { kind: "reset-before", match: { pathContains: "/secrets" } },
    ]);
    expect(await rotate()).toMatchObject({
      kind: "failed",
      truth: expect.stringContaining("run this again"),
    });
    const file = await readFile(join(dir, "worker-secrets.json"), "utf8");
    await api.server.faults.clear();
    expect(await rotate()).toMatchObject({ kind: "done", data: { move: "hand-over" } });
    expect(api.held.secrets.get("COOKIE_KEYS")).toBe(JSON.parse(file).COOKIE_KEYS);
    expect(await readFile(join(dir, "worker-secrets.json"), "utf8")).toBe(file);
  });

  test("stay as they are while a /qa does not show its own", async () => {
    expect(
      await rotate(
        false,
        ports(() => null),
      ),
    ).toMatchObject({ kind: "pending" });
    expect([workersKeys(), await keyFiles().cookieKeyIds()]).toEqual([["k1"], ["k1"]]);
  });

  test("a token without the right to set secrets names it", async () => {
    await api.server.faults.replace([{ kind: "forbidden", match: { method: "PUT" } }]);
    expect(await rotate()).toMatchObject({
      kind: "failed",
      code: "auth",
      message: expect.stringContaining("it needs Workers Scripts: Edit"),
    });
  });
});

describe("the /qa token", () => {
  const tokens = async () => ({
    worker: api.held.secrets.get("QA_TOKEN"),
    file: JSON.parse(await readFile(join(dir, "worker-secrets.json"), "utf8")).QA_TOKEN,
    operator: (await readFile(qaTokenPath(), "utf8")).trim(),
  });

  test("is new in the Worker and in both files", async () => {
    const before = await tokens();
    expect(await rotate(true)).toMatchObject({ kind: "done" });
    const after = await tokens();
    expect(new Set(Object.values(after)).size).toBe(1);
    expect(after.worker).not.toBe(before.worker);
  });

  test("of a run that was cut off is the one that the next run gives", async () => {
    const before = await tokens();
    await api.server.faults.replace([{ kind: "reset-after", match: { pathContains: "/secrets" } }]);
    expect(await rotate(true)).toMatchObject({ kind: "failed" });
    const cut = await tokens();
    expect([cut.worker, cut.operator]).toEqual([cut.file, before.operator]);
    await api.server.faults.clear();
    expect(await rotate(true)).toMatchObject({ kind: "done" });
    expect(await tokens()).toEqual({ worker: cut.file, file: cut.file, operator: cut.file });
  });
});
