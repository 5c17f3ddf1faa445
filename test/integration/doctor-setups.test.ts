/**
 * `doctor` names each broken set-up by one check, with its fix, and says nothing else; in the healthy one the
 * same checks pass.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ensureCli } from "../support/cli.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { ROWS } from "./doctor-rows/index.ts";
import { DoctorStage } from "./doctor-stage.ts";

let stage: DoctorStage;
let jobs = "[]";
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  stage = await DoctorStage.start();
  jobs = JSON.stringify(stage.control.account.jobs);
});
afterAll(() => stage?.close());
beforeEach(async () => {
  stage.control.account.jobs.splice(0, 9, ...JSON.parse(jobs));
  await stage.heal();
});

const isComplaint = ({ result }: { result: string }) => result === "warn" || result === "fail";

async function expectHealthy(): Promise<string[]> {
  const { checks, code, stdout, stderr } = await stage.doctor();
  expect(checks.filter(({ result }) => result !== "pass")).toEqual([]);
  expect(code, stdout + stderr).toBe(0);
  return checks.map(({ name }) => name);
}

test("the healthy set-up has no warning", async () => {
  const names = await expectHealthy();
  const checked = ["token", "namespace", "KV write", "config", "stop", "guardian", "/qa FRA"];
  expect(names).toEqual(expect.arrayContaining(checked));
  expect(names).toEqual(expect.arrayContaining(["metrics", "logs", "Logpush", "tail", "queue"]));
});

test("there are enough of them", () => {
  expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length);
  expect(ROWS.length).toBeGreaterThanOrEqual(34);
});

test.each(ROWS)("$name", async ({ breaks, finds, code }) => {
  const [result, name, detail, fix] = finds;
  const ended = await stage.doctor(await breaks(stage));
  const complaints = ended.checks.filter(isComplaint);
  expect(complaints, ended.stdout + ended.stderr).toEqual([
    {
      ...{ name: expect.stringContaining(name), result },
      ...{ detail: expect.stringMatching(detail), fix: expect.stringMatching(fix) },
    },
  ]);
  expect(ended.code).toBe(code ?? (result === "fail" ? 20 : 0));
  if (result === "fail") expect(ended.next).toBe(complaints[0]?.fix);
});

test("all of it heals", async () => {
  await stage.untilPinged("healthy", "healthy");
  await expectHealthy();
});

const settings = () => {
  const { apiBaseUrl, accountId } = stage.lane.sandbox.description;
  return { apiBaseUrl, accountId };
};

test.each<[string, () => Record<string, unknown>, RegExp]>([
  [
    "a setting that is misspelt",
    () => ({ namespaceID: "x" }),
    /namespaceID: unknown setting; did you mean namespaceId\?/,
  ],
  [
    "qaUrls without TLS",
    () => ({ qaUrls: ["http://api.pix.immo/qa"] }),
    /qaUrls\.0: must be an https:\/\/ URL/,
  ],
  [
    "the API's deprecated path",
    () => ({
      apiBaseUrl: `https://api.cloudflare.com/client/v4/accounts/${settings().accountId}/workers/namespaces`,
    }),
    /apiBaseUrl: must be https:\/\/api\.cloudflare\.com\/client\/v4,/,
  ],
  [
    "a host that is no address",
    () => ({ pagesOrigin: "staging.pix.immo" }),
    /pagesOrigin: must be an origin/,
  ],
])("%s is refused before anything is asked", async (_, changed, words) => {
  const { code, stderr } = await stage.run(["doctor"], { settings: changed() });
  expect([code, stderr]).toEqual([2, expect.stringMatching(words)]);
  expect(stderr).toMatch(/→ try: correct /);
});

test("an address that is written twice is asked once, and named", async () => {
  const url = `${stage.front}/qa`;
  const { code, checks, stderr } = await stage.doctor({ settings: { qaUrls: [url, url] } });
  expect([code, checks.filter(isComplaint)]).toEqual([0, []]);
  expect(stderr).toContain("1 of 2 qaUrls repeat another one");
});
