/** Nothing that a stop can do without may keep it from being sent. */
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { parseStop } from "../../src/domain/state/documents.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { hang, startServer, type TestServer } from "../adapters/server.ts";
import { ensureCli } from "../support/cli.ts";
import { ENOUGH_S, HANG_MS } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";

const BIN = fileURLToPath(new URL("../../bin/pixcanary.js", import.meta.url));

let sandbox: Sandbox;
let folder: string;
beforeAll(async () => {
  await ensureCli();
  const lagMs = { min: 0, max: 0 };
  sandbox = await startSandbox({ locations: ["FRA"], lagMs, rateLimits: false });
  folder = await mkdtemp(join(tmpdir(), "pixcanary-relief-"));
});
afterAll(async () => {
  await sandbox?.close();
  await rm(folder, { recursive: true, force: true });
});

const notAus = (config: string, ...args: string[]) => pixcanary("not-aus", config, ...args);

const pixcanary = (verb: string, config: string, ...args: string[]) =>
  pixcanaryWith({}, verb, "--config", config, ...args);

const pixcanaryWith = (env: Record<string, string>, ...args: string[]) =>
  execa(process.execPath, [BIN, ...args], {
    env: {
      HOME: folder,
      XDG_STATE_HOME: folder,
      CLOUDFLARE_API_TOKEN: "",
      PIXCANARY_QA_TOKEN: "",
      ...env,
    },
    reject: false,
    timeout: HANG_MS,
  });

/** The sandbox's own configuration with changes to its environment and around it. */
async function configWith(change: object, others: object = {}, rest: object = {}): Promise<string> {
  const text = await readFile(sandbox.description.configPath, "utf8");
  const { environments } = JSON.parse(text) as { environments: { sandbox: object } };
  const own = { ...environments.sandbox, ...change };
  const copy = join(folder, "pixcanary.json");
  await writeFile(copy, JSON.stringify({ ...rest, environments: { sandbox: own, ...others } }));
  return copy;
}

const storedStop = () => parseStop(sandbox.control.store.text("stop"));

it("a /qa token that cannot be read is done without: the stop is written all the same", async () => {
  const open = join(folder, "qa-token");
  await writeFile(open, "open to everybody");
  await chmod(open, 0o644);
  const copy = await configWith({ qaTokenFile: open });

  const { stderr, exitCode } = await notAus(copy, "--timeout", ENOUGH_S);
  expect(stderr).toContain("continuing without the /qa token");
  expect(storedStop()).toMatchObject({ kind: "valid", value: { active: true } });
  // Written and stored; without the document, a location that was quiet only just now proves nothing.
  expect(exitCode).toBe(21);
});

it("nonsense in the variables of other commands keeps no stop from being written", async () => {
  const others = [
    "DATABASE_URL",
    "PIXCANARY_SESSION",
    "PIXCANARY_R2_KEY",
    "PIXCANARY_PAGERDUTY_KEY",
    "PIXCANARY_SLACK_WEBHOOK",
    "PIXCANARY_WEBHOOK_TOKEN",
  ];
  const env = Object.fromEntries(others.map((name) => [name, "postgres://u:%zz@host/x"]));
  const before = storedStop();
  const { configPath } = sandbox.description;
  const { exitCode, stderr } = await pixcanaryWith(env, "not-aus", "--config", configPath);
  expect(exitCode, stderr).toBe(0);
  expect(storedStop()).not.toEqual(before);
});

it("a token file that others can read is used, with a warning", async () => {
  const open = join(folder, "api-token");
  await writeFile(open, sandbox.description.apiToken);
  await chmod(open, 0o644);
  const copy = await configWith({ tokenFile: open });
  const { stderr, exitCode } = await notAus(copy);
  expect([exitCode, stderr]).toEqual([
    0,
    expect.stringMatching(/! continuing despite: .*chmod 600/),
  ]);
  const strict = await pixcanary("restore", copy, "--reason", "x", "--yes");
  expect([strict.exitCode, strict.stderr]).toEqual([2, expect.stringContaining("chmod 600")]);
});

it("one API token in both variables reaches no /qa, and the stop is written", async () => {
  const { apiToken, configPath } = sandbox.description;
  const both = { CLOUDFLARE_API_TOKEN: apiToken, PIXCANARY_QA_TOKEN: apiToken };
  const before = storedStop();
  const { stderr } = await pixcanaryWith(
    both,
    "not-aus",
    "--config",
    configPath,
    "--timeout",
    ENOUGH_S,
  );
  expect(stderr).toContain("continuing without the /qa token");
  expect(stderr).not.toContain(apiToken);
  expect(storedStop()).not.toEqual(before);
});

it("four spellings of one /qa address are one proof", async () => {
  const [url = ""] = sandbox.description.locations.map((at) => `${at.url}/qa`);
  const spellings = [url, `${url}?`, url.replace("/qa", "/./qa"), url.replace("/qa", "/%71a")];
  const { stdout, stderr, exitCode } = await notAus(
    await configWith({ qaUrls: spellings }),
    "--json",
  );
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout).live).toHaveLength(1);
  expect(stderr).toContain("3 of 4 qaUrls repeat another one; each is asked once");
});

it("a token in --reason is stored nowhere", async () => {
  const { apiToken, configPath } = sandbox.description;
  const others = `cfat_${"0".repeat(40)}`;
  const webhook = "https://hooks.example/T000/secret-part";
  const env = {
    CLOUDFLARE_API_TOKEN: apiToken,
    PIXCANARY_SLACK_WEBHOOK: webhook,
    PIXCANARY_ACTOR: `anna ${apiToken}`,
  };
  const reason = `curl -H 'Authorization: Bearer abcdefgh' ${apiToken} ${others} ${webhook}`;
  const words = ["not-aus", "--config", configPath, "--reason", reason, "--incident", apiToken];
  expect((await pixcanaryWith(env, ...words)).exitCode).toBe(0);
  const { store } = sandbox.control;
  const stored = store.list({ limit: 10_000 }).keys.map(({ name }) => store.text(name));
  for (const secret of [apiToken, others, webhook, "abcdefgh"]) {
    expect(stored.join("\n")).not.toContain(secret);
  }
  expect(storedStop()).toMatchObject({ value: { reason: expect.stringContaining("***") } });
});

it("a pasted log as --reason is shortened, and stops nothing", async () => {
  const { exitCode } = await notAus(sandbox.description.configPath, "--reason", "x".repeat(30_000));
  expect(exitCode).toBe(0);
  const stop = storedStop();
  expect(stop.kind === "valid" && stop.value.reason?.length).toBe(400);
});

it("mistakes elsewhere in pixcanary.json are said, and stop nothing but more exposure", async () => {
  const broken = { accountId: "x" };
  const copy = await configWith({ policy: 3, normalPercent: "ten" }, { other: broken }, { x: 1 });
  const before = storedStop();
  const { exitCode, stderr } = await notAus(copy, "--env", "sandbox");
  expect(exitCode).toBe(0);
  expect(storedStop()).not.toEqual(before);
  expect(stderr.match(/^! continuing despite: .*$/gm)).toEqual([
    expect.stringContaining("environments.sandbox.normalPercent: must be a number"),
    expect.stringContaining("environments.sandbox.policy: must be an object"),
    ...Array(5).fill(expect.stringMatching(/environments\.other\.\w+: /)),
    expect.stringContaining("x: unknown setting"),
  ]);

  // Even a broken one is one of two: which was meant must be said.
  const unnamed = await notAus(copy);
  expect([unnamed.exitCode, unnamed.stderr]).toEqual([2, expect.stringMatching(/sandbox, other/)]);
  const strict = await pixcanary("restore", copy, "--env", "sandbox", "--reason", "x", "--yes");
  expect([strict.exitCode, strict.stderr]).toEqual([2, expect.stringContaining("policy")]);
});

it("without a /qa address that can be used the stop is written, and said not to be seen", async () => {
  const copy = await configWith({ qaUrls: ["ftp://127.0.0.1/qa", "nowhere"], canaryTag: "B 2" });
  const before = storedStop();
  const { exitCode, stdout } = await notAus(copy, "--timeout", ENOUGH_S);
  expect(exitCode).toBe(21);
  expect(stdout).toMatch(/(not seen {2}\S+: not a valid \/qa URL.*\s+){2}/);
  expect(storedStop()).not.toEqual(before);
  expect(storedStop()).toMatchObject({ kind: "valid", value: { active: true } });
});

it.each(["accountId", "namespaceId"])(
  "without %s there is nowhere to write: exit 2",
  async (key) => {
    const before = storedStop();
    const { exitCode, stderr } = await notAus(await configWith({ [key]: undefined, policy: 3 }));
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`${key}: is missing`)]);
    expect(storedStop()).toEqual(before);
  },
);

it("what a cut-off pixcanary.json lacks comes from variables: the stop is stored there, and proved", async () => {
  const { accountId, kvNamespaceId: namespaceId, locations } = sandbox.description;
  const text = await readFile(
    await configWith({ accountId: undefined, namespaceId: "?", qaUrls: undefined }),
    "utf8",
  );
  const cut = join(folder, "cut.json");
  await writeFile(cut, `// in a hurry\n${text.slice(0, -1)},`);
  const before = storedStop();
  const { exitCode, stdout, stderr } = await pixcanaryWith(
    {
      PIXCANARY_CONFIG: cut,
      CLOUDFLARE_ACCOUNT_ID: accountId,
      PIXCANARY_NAMESPACE_ID: namespaceId,
      PIXCANARY_QA_URL: locations.map(({ url }) => `${url}/qa`).join(","),
    },
    ...["not-aus", "--env", "sandbox"],
  );
  expect(stderr).toContain(`account ${accountId} and namespace ${namespaceId}`);
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("live")]);
  expect(storedStop()).not.toEqual(before);
});

/** Names of the files in which commands left what they owe. */
async function owedIn(home: string): Promise<string[]> {
  const names = await readdir(home, { recursive: true }).catch(() => []);
  return names.filter((name) => /owed\/.*\.json$/.test(name));
}

describe("a stop whose notification hangs, and whose journal does not answer", () => {
  let hook: TestServer;
  let home = "";
  let config = "";
  const journaled = () => sandbox.control.store.list({ prefix: "journal/", limit: 1_000 }).keys;
  beforeEach(async () => {
    hook = await startServer();
    hook.reply(hang);
    home = await mkdtemp(join(folder, "home-"));
    config = await configWith({ notify: { webhook: { url: `${hook.url}/hook` } } });
    await sandbox.control.setFaults([{ kind: "hang", match: { pathContains: "journal" } }]);
  });
  afterEach(async () => {
    await sandbox.control.heal();
    await hook.close();
  });
  const run = (words: readonly string[], state = home) =>
    pixcanaryWith({ XDG_STATE_HOME: state }, ...words, "--config", config);
  const delivered = () => hook.seen.filter(({ body }) => body.includes("NOT-AUS")).length;

  it("ends all the same, says that they are queued, and they are sent in the background", async () => {
    const before = journaled().length;
    const { exitCode, stderr } = await run(["not-aus"]);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /webhook failed: no answer in time; queued: being sent in the background/,
    );
    expect(stderr).toMatch(/^! journal in KV: .*; queued/m);
    hook.reply((response) => response.writeHead(204).end());
    await sandbox.control.heal();
    await vi.waitFor(async () => expect(await owedIn(home)).toEqual([]), { timeout: HANG_MS });
    expect([journaled().length, delivered()]).toEqual([before + 1, 1]);
  });

  it("killed right after it is live: the next command delivers both", async () => {
    const before = journaled().length;
    const killed = run(["not-aus"]);
    await vi.waitFor(
      async () => expect([hook.seen.length, (await owedIn(home)).length]).toEqual([1, 1]),
      { timeout: HANG_MS },
    );
    killed.kill("SIGKILL");
    expect(await killed).toMatchObject({
      isTerminated: true,
      stderr: expect.stringMatching(/live/),
    });
    hook.reply((response) => response.writeHead(204).end());
    await sandbox.control.heal();
    const { exitCode, stdout } = await run(["deliver"]);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^✔ delivered: not-aus of /)]);
    expect([journaled().length, delivered()]).toEqual([before + 1, 1]);
    expect(await owedIn(home)).toEqual([]);
  });

  it("without a disk they are lost, and it does not say that they are queued", async () => {
    const file = join(home, "file");
    await writeFile(file, "");
    const { exitCode, stderr } = await run(["not-aus"], file);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/webhook failed: no answer in time$/m);
    expect(stderr).not.toContain("queued");
    hook.reply((response) => response.writeHead(204).end());
    await sandbox.control.heal();
    expect((await run(["deliver"], file)).stdout).toBe("nothing was queued");
  });
});
