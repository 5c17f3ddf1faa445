/** The real wrangler on versions and deployments, and what the locations then run. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { HANG_MS } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { WRANGLER, wranglerEnv } from "../support/wrangler.ts";
import { ensureBundle } from "../worker/bundle.ts";

let sandbox: Sandbox;
let dir = "";
beforeAll(async () => {
  await ensureBundle();
  dir = await mkdtemp(join(tmpdir(), "pixcanary-versions-"));
  sandbox = await startSandbox({ locations: ["FRA", "AMS"], rateLimits: false, logs: false });
  const config = {
    name: "pix-sandbox",
    main: "index.js",
    compatibility_date: "2026-07-01",
    no_bundle: true,
    workers_dev: false,
    send_metrics: false,
    version_metadata: { binding: "VERSION" },
  };
  await writeFile(join(dir, "wrangler.json"), JSON.stringify(config));
});
afterAll(async () => {
  await sandbox?.close();
  await rm(dir, { recursive: true, force: true });
});

async function wrangler(words: string, input = ""): Promise<string> {
  const [node, ...program] = WRANGLER;
  const { all } = await execa(node, [...program, ...words.split(" ")], {
    cwd: dir,
    input,
    all: true,
    timeout: HANG_MS,
    env: wranglerEnv(sandbox.description),
  });
  return all;
}

/** Its answer is a word, its version, and the secret that it has. */
async function upload(word: string): Promise<string> {
  const script = `export default { fetch: (request, env) => new Response(
    ["${word}", env.VERSION.id, env.KEY].join(" "), { headers: { "x-pix-canary": "1" } }) };`;
  await writeFile(join(dir, "index.js"), script);
  const said = await wrangler(`versions upload --tag ${word} --message message-${word}`);
  return /Version ID: ([\w-]{36})/.exec(said)?.[1] ?? said;
}

/** At each location. */
async function answers(headers: Record<string, string> = {}): Promise<string[]> {
  const { locations } = sandbox.description;
  return Promise.all(locations.map(async ({ url }) => (await fetch(url, { headers })).text()));
}

const overriding = (id: string) => ({
  "cloudflare-workers-version-overrides": `other="x", pix-sandbox="${id}"`,
});

describe("versions, by the real wrangler", () => {
  let first = "";
  let second = "";

  test("an uploaded version serves nobody until it is deployed, then everybody", async () => {
    first = await upload("one");
    expect(sandbox.control.account.worker.deployed?.id).not.toBe(first);
    await wrangler(`versions deploy ${first}@100% --yes`);
    expect(new Set(await answers())).toEqual(
      new Set([expect.stringMatching(new RegExp(`^one ${first}`))]),
    );
  });

  test("one at 0 % serves those alone who ask for it", async () => {
    second = await upload("two");
    await wrangler(`versions deploy ${first}@100% ${second}@0% --yes`);
    for (const text of [...(await answers()), ...(await answers(overriding("none")))])
      expect(text).toContain(`one ${first}`);
    for (const text of await answers(overriding(second))) expect(text).toContain(`two ${second}`);
  });

  test("the split and its history are listed, with tags and messages", async () => {
    const status = await wrangler("deployments status");
    expect(status).toMatch(new RegExp(`\\(100%\\) ${first}[^(]*one`));
    expect(status).toMatch(new RegExp(`\\(0%\\) ${second}[^(]*two`));
    expect(await wrangler("deployments list")).toContain(second);
    const versions = await wrangler("versions list");
    expect(versions).toMatch(new RegExp(`${first}[^]*message-one[^]*${second}[^]*message-two`));
  });

  test("a secret makes a version of its own, for all visitors; not while an older one serves", async () => {
    const refused = await wrangler("secret put KEY", "hidden").catch(String);
    expect(refused).toContain("the latest version of your Worker isn't currently deployed");
    await wrangler(`versions deploy ${second}@100% --yes`);
    await wrangler("secret put KEY", "hidden");
    const { deployed } = sandbox.control.account.worker;
    expect(deployed?.id).not.toBe(second);
    for (const text of await answers()) expect(text).toBe(`two ${deployed?.id} hidden`);
  });

  test("a rollback goes to the version before, though its secrets differ", async () => {
    const said = await wrangler("rollback --yes --message back", "");
    expect(said).toContain(second);
    for (const text of await answers()) expect(text).toMatch(new RegExp(`^two ${second} ?$`));
  });
});

test("without its route all locations hand visitors to the legacy origin, and back with it", async () => {
  const { zones } = sandbox.control.account;
  const [zone] = zones.list;
  const [route] = zone?.routes ?? [];
  if (zone === undefined || route === undefined) throw new Error("the account has no route");
  const marks = async () => {
    const { locations } = sandbox.description;
    const all = await Promise.all(locations.map(({ url }) => fetch(`${url}/health`)));
    return all.map(({ status, headers }) => [status, headers.get("x-pix-canary")]);
  };
  expect(await marks()).toEqual([
    [200, "1"],
    [200, "1"],
  ]);
  await zones.remove(zone, route.id);
  expect(await marks()).toEqual([
    [200, null],
    [200, null],
  ]);
  await zones.create(zone, { pattern: route.pattern, script: route.script });
  expect((await marks()).map(([, mark]) => mark)).toEqual(["1", "1"]);
});
