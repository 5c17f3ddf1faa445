/** The real wrangler against the sandbox's API: what the runbook types must work here. */
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { qaSchema } from "../../src/domain/proof/qa-document.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { HANG_MS, PATIENCE, WORKER_PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { WRANGLER, wranglerEnv } from "../support/wrangler.ts";
import { ensureBundle } from "../worker/bundle.ts";

let sandbox: Sandbox;
beforeAll(async () => {
  await ensureBundle();
  sandbox = await startSandbox({
    lagMs: { min: 0, max: 0 },
    locations: ["FRA", "AMS"],
    patience: WORKER_PATIENCE,
  });
});
afterAll(() => sandbox.close());

async function wrangler(...args: string[]): Promise<string> {
  const { kvNamespaceId } = sandbox.description;
  const [node, ...program] = WRANGLER;
  const { stdout } = await execa(
    node,
    [...program, "kv", "key", ...args, "--remote", "--namespace-id", kvNamespaceId],
    {
      stdin: "ignore",
      timeout: HANG_MS,
      env: wranglerEnv(sandbox.description),
    },
  );
  return stdout;
}

async function qa(url: string) {
  const headers = { authorization: `Bearer ${sandbox.description.qaToken}` };
  return qaSchema().parse(await (await fetch(`${url}/qa`, { headers })).json());
}

const STOP =
  '{"canary_percent":0,"canary_tag":"B2a","emergency_proxy":true,"last_updated":"2026-01-01T00:00:00Z"}';

test("the runbook's stop, written by wrangler, is obeyed at every location after the lag", async () => {
  sandbox.control.setKv({ location: "AMS", lagMs: { min: 600_000, max: 600_000 } });
  await wrangler("put", "config", STOP);
  expect(sandbox.control.store.text("config")).toBe(STOP);
  const [fra, ams] = sandbox.description.locations.map(({ url }) => url);
  const reason = (url = "") =>
    expect.poll(async () => (await qa(url)).canary.decision_reason, PATIENCE);
  await reason(fra).toBe("emergency");
  expect((await qa(ams ?? "")).canary.emergency_proxy).toBe(false);
  sandbox.control.setKv({ catchUp: true });
  await reason(ams).toBe("emergency");
  const response = await fetch(`${ams}/api/jobs`, { headers: { "x-canary": "1" } });
  expect(response.headers.get("x-pix-canary")).toBe("1;tag=B2a;cohort=proxy;reason=emergency");
});

test("what the API wrote, wrangler reads, lists and deletes", async () => {
  const { apiBaseUrl, apiToken, accountId, kvNamespaceId } = sandbox.description;
  const values = `${apiBaseUrl}/accounts/${accountId}/storage/kv/namespaces/${kvNamespaceId}/values`;
  const key = "journal/2026-01-01T00:00:00Z-01ABC";
  await fetch(`${values}/${encodeURIComponent(key)}?expiration_ttl=3600`, {
    method: "PUT",
    headers: { authorization: `Bearer ${apiToken}` },
    body: '{"hello":"wörld"}',
  });
  expect(await wrangler("get", key)).toBe('{"hello":"wörld"}');
  const listed = JSON.parse(await wrangler("list", "--prefix", "journal/"));
  expect(listed).toEqual([{ name: key, expiration: expect.any(Number) }]);
  await wrangler("delete", key);
  expect(sandbox.control.store.text(key)).toBeNull();
});
