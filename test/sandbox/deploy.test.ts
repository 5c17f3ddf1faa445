/** What the sandbox's API takes of a deployment, and what it refuses with a reason. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  AccountWorker,
  NewestNotDeployed,
  type Version,
} from "../../src/sandbox/api/account-worker.ts";
import type { RunningDeployment } from "../../src/sandbox/edge/worker.ts";
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
  const run = async ({ split }: RunningDeployment): Promise<void> => {
    await Promise.resolve();
    runs.push(
      split.map((one) => `${one.percentage}% ${Object.values(one.worker.secrets)}`).join(" "),
    );
    const modules = split.flatMap((one) => one.worker.modules);
    if (modules.some(({ contents }) => contents === "broken")) throw new Error("no start");
  };
  const all = (version: Version) => [{ version, percentage: 100 }];
  beforeEach(() => runs.splice(0));

  test("is none after a first deployment that does not start", async () => {
    const worker = new AccountWorker({ name: null, run });
    const failed = worker.addAndDeploy("pix", upload("broken"), { KEY: "a" });
    await expect(failed).rejects.toThrow("no start");
    expect([worker.name, worker.deployed, worker.versions, [...worker.secrets]]).toEqual([
      ...[null, null, [], []],
    ]);
    expect(runs).toEqual(["100% a", ""]);
  });

  test("runs what it ran before when the next deployment does not start", async () => {
    const worker = new AccountWorker({ name: null, run });
    const first = await worker.addAndDeploy("pix", upload(""), { KEY: "a" });
    await expect(worker.deploy(all(worker.add("pix", upload("broken"))))).rejects.toThrow();
    expect([worker.deployed, worker.deployments.length, runs.at(-1)]).toEqual([first, 1, "100% a"]);
  });

  test("changes in turn: a secret that comes meanwhile is for the version that runs last", async () => {
    const worker = new AccountWorker({ name: null, run });
    await worker.deploy(all(worker.add("pix", upload("first"))));
    const second = worker.deploy(all(worker.add("pix", upload("second"))));
    await Promise.all([second, worker.setSecrets({ KEY: "b" })]);
    const { deployed } = worker;
    expect([deployed?.number, deployed?.upload.modules[0]?.contents]).toEqual([3, "second"]);
    expect([deployed?.annotations.triggeredBy, runs.at(-1)]).toEqual(["secret", "100% b"]);
  });

  test("keeps the secrets of each version, and takes no secret while another than the newest serves", async () => {
    const worker = new AccountWorker({ name: null, run });
    const first = await worker.addAndDeploy("pix", upload(""), { KEY: "a" });
    await worker.setSecrets({ KEY: "b" });
    await worker.deploy(all(first));
    expect(runs.at(-1)).toBe("100% a");
    await expect(worker.setSecrets({ KEY: "c" })).rejects.toThrow(NewestNotDeployed);
    expect([worker.deployed, worker.secrets.get("KEY")]).toEqual([first, "b"]);
  });
});

describe("a deployment", () => {
  const SCRIPT = `${BASE}/scripts/pix-sandbox`;
  const deploy = (versions: object[], query = "") => {
    const body = JSON.stringify({ strategy: "percentage", versions });
    return api.call(`${SCRIPT}/deployments${query}`, { method: "POST", body });
  };
  const idOf = () => api.held.worker.versions[0]?.id ?? "";
  const result = async (answer: Promise<Response>) =>
    ((await (await answer).json()) as { result: unknown }).result;

  test("has two versions, one of them perhaps at 0 %, and is listed before the one that it replaces", async () => {
    await put({});
    const first = idOf();
    await put({});
    const versions = [
      { version_id: idOf(), percentage: 100 },
      { version_id: first, percentage: 0 },
    ];
    expect((await deploy(versions)).status).toBe(200);
    expect(await result(api.call(`${SCRIPT}/deployments`))).toMatchObject({
      deployments: [{ versions }, { versions: [{ version_id: idOf(), percentage: 100 }] }, {}],
    });
  });

  test.each([
    ["of no version", []],
    ["of half the visitors", [{ version_id: "known", percentage: 50 }]],
    ["of an unknown version", [{ version_id: "unknown", percentage: 100 }]],
  ])("%s is refused", async (_, versions) => {
    await put({});
    const known = versions.map((one) => ({
      ...one,
      version_id: one.version_id === "known" ? idOf() : one.version_id,
    }));
    expect((await deploy(known)).status).toBeGreaterThanOrEqual(400);
    expect(api.held.worker.deployments.length).toBe(1);
  });

  test("of a version with other secrets than now wants force", async () => {
    await put({});
    const first = [{ version_id: idOf(), percentage: 100 }];
    const secret = { name: "QA_TOKEN", text: "new", type: "secret_text" };
    await api.call(`${SCRIPT}/secrets`, { method: "PUT", body: JSON.stringify(secret) });
    const refused = await deploy(first);
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringMatching(/10220.*secrets have changed: QA_TOKEN/),
    ]);
    expect((await deploy(first, "?force=true")).status).toBe(200);
  });

  test("of a version that is not among the newest hundred is refused", async () => {
    await put({});
    const first = [{ version_id: idOf(), percentage: 100 }];
    const { worker } = api.held;
    const [{ upload }] = worker.versions as [Version];
    for (let nth = 0; nth < 100; nth += 1) worker.add("pix-sandbox", upload);
    expect(await errorOf(deploy(first))).toEqual([400, expect.stringContaining("newest 100")]);
  });
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
