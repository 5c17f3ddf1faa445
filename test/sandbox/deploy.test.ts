/** What the sandbox's API takes of a deployment, and what it refuses with a reason. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AccountWorker } from "../../src/sandbox/api/account-worker.ts";
import type { RunningWorker } from "../../src/sandbox/edge/worker.ts";
import { ACCOUNT, type ApiUnderTest, NAMESPACE, startApi } from "./api-harness.ts";

let api: ApiUnderTest;
beforeEach(async () => {
  api = await startApi();
  api.held.buckets.add("piximmo-media");
});
afterEach(() => api.close());

const BASE = `/accounts/${ACCOUNT}/workers`;
const MODULE = "application/javascript+module";
const KV = { type: "kv_namespace", name: "KV_CANARY_CONFIG", namespace_id: NAMESPACE };

interface Upload {
  bindings?: object[];
  type?: string;
  script?: string;
}

function put({
  bindings = [KV],
  type = MODULE,
  script = "pix-sandbox",
}: Upload): Promise<Response> {
  const form = new FormData();
  form.set("metadata", JSON.stringify({ main_module: "index.js", bindings }));
  form.set("index.js", new File(["export default {};"], "index.js", { type }));
  return api.call(`${BASE}/scripts/${script}`, { method: "PUT", body: form });
}

async function errorOf(answer: Promise<Response>): Promise<[number, string]> {
  const response = await answer;
  const { errors } = (await response.json()) as { errors: { message: string }[] };
  return [response.status, errors[0]?.message ?? ""];
}

describe("an upload", () => {
  test("is deployed with the bindings and the secrets that it brings", async () => {
    const media = { type: "r2_bucket", name: "MEDIA", bucket_name: "piximmo-media" };
    const secret = { type: "secret_text", name: "QA_TOKEN", text: "hidden" };
    expect((await put({ bindings: [KV, media, secret] })).status).toBe(200);
    const { worker, secrets } = api.held;
    expect(worker.deployed?.upload.bindings).toEqual([KV, media]);
    expect(secrets.get("QA_TOKEN")).toBe("hidden");
  });

  test.each<[string, Upload, string]>([
    [
      "a namespace that is not there",
      { bindings: [{ ...KV, namespace_id: "0".repeat(32) }] },
      `KV namespace '${"0".repeat(32)}' not found.`,
    ],
    [
      "a bucket that is not there",
      { bindings: [{ type: "r2_bucket", name: "MEDIA", bucket_name: "none" }] },
      "R2 bucket 'none' not found. Please use a different name and try again.",
    ],
    [
      "a binding that the sandbox does not have",
      { bindings: [{ type: "queue", name: "JOBS", queue_name: "jobs" }] },
      "the sandbox cannot bind JOBS (queue): it takes those of worker/wrangler.jsonc",
    ],
    [
      "another Worker's service",
      { bindings: [{ type: "service", name: "OTHER", service: "other" }] },
      "the sandbox cannot bind OTHER (service): it takes those of worker/wrangler.jsonc",
    ],
    [
      "a script of another kind",
      { type: "application/javascript" },
      "the sandbox runs ES modules only, not index.js (application/javascript)",
    ],
    [
      "a second Worker",
      { script: "other" },
      "the sandbox runs one Worker, and has pix-sandbox already",
    ],
  ])("with %s is refused, and nothing is deployed", async (_, upload, message) => {
    expect(await errorOf(put(upload))).toEqual([400, message]);
    expect(api.held.worker.deployed).toBeNull();
  });

  test("a second namespace is refused: the locations have no copies of it", async () => {
    const other = api.held.namespaces.create("another");
    const [status, message] = await errorOf(
      put({ bindings: [{ ...KV, namespace_id: other?.id }] }),
    );
    expect([status, message]).toEqual([400, expect.stringContaining(`only: ${NAMESPACE}`)]);
  });
});

describe("the Worker of the account", () => {
  const upload = (module: string) => ({
    modules: [{ path: "index.js", contents: module }],
    compatibilityDate: "2026-07-01",
    compatibilityFlags: [],
    bindings: [],
    cached: [],
  });
  const runs: string[] = [];
  const run = async ({ versionId, modules, secrets }: RunningWorker): Promise<void> => {
    await Promise.resolve();
    runs.push(`${versionId} ${Object.values(secrets)}`);
    if (modules.some(({ contents }) => contents === "broken")) throw new Error("no start");
  };
  beforeEach(() => runs.splice(0));

  test("is none after a first deployment that does not start", async () => {
    const worker = new AccountWorker({ name: null, run });
    const version = worker.add("pix", upload("broken"), "v1");
    await expect(worker.deploy(version, { KEY: "a" })).rejects.toThrow("no start");
    expect([worker.name, worker.deployed, [...worker.secrets]]).toEqual([null, null, []]);
    expect(runs).toEqual(["v1 a", "none "]);
  });

  test("changes in turn: a secret that comes meanwhile is for the version that runs last", async () => {
    const worker = new AccountWorker({ name: null, run });
    await worker.deploy(worker.add("pix", upload(""), "v1"));
    const second = worker.deploy(worker.add("pix", upload(""), "v2"));
    await Promise.all([second, worker.setSecrets({ KEY: "b" })]);
    expect([worker.deployed?.id, runs.at(-1)]).toEqual(["v2", "v2 b"]);
  });
});

test("a version for some of the visitors is refused", async () => {
  await put({});
  const versions = [{ version_id: api.held.worker.deployed?.id, percentage: 50 }];
  const body = JSON.stringify({ strategy: "percentage", versions });
  const answer = api.call(`${BASE}/scripts/pix-sandbox/deployments`, { method: "POST", body });
  expect(await errorOf(answer)).toEqual([400, "the sandbox deploys one version to 100 %"]);
});

test.each([
  ["/zones", "zones"],
  [`${BASE}/subdomain`, "workers.dev"],
  [`${BASE}/domains/records`, "custom domains"],
  [`/accounts/${ACCOUNT}/hyperdrive/configs`, "Hyperdrive"],
])("%s: the sandbox says that it has none", async (path, what) => {
  const answer = await errorOf(api.call(path));
  expect(answer).toEqual([400, expect.stringContaining(`the sandbox has no ${what}`)]);
});

test("a token that may only read scripts deploys nothing and sets no secret", async () => {
  const token = api.token("full", ["Workers Scripts Read"]);
  const calls = [
    ["PUT", "/scripts/pix-sandbox"],
    ["POST", "/scripts/pix-sandbox/versions"],
    ["POST", "/scripts/pix-sandbox/deployments"],
    ["PUT", "/scripts/pix-sandbox/schedules"],
    ["PUT", "/scripts/pix-sandbox/secrets"],
    ["PATCH", "/scripts/pix-sandbox/secrets-bulk"],
    ["DELETE", "/scripts/pix-sandbox/secrets/QA_TOKEN"],
  ];
  const answers = calls.map(([method = "", path]) => api.call(`${BASE}${path}`, { method, token }));
  for (const { status } of await Promise.all(answers)) expect(status).toBe(403);
});
