import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ConfigError,
  loadConfig,
  parseConfigFile,
  parseForRelief,
} from "../../src/adapters/config-file.ts";
import { findJsonMistake } from "../../src/adapters/json-position.ts";
import { NO_CONTACTS } from "../../src/domain/config/contacts.ts";
import {
  apiBaseUrlOf,
  findEnvironment,
  isSafeApiUrl,
  toTarget,
} from "../../src/domain/config/environment.ts";
import { DEFAULT_POLICY } from "../../src/domain/policy/numbers.ts";

const ENV = {
  accountId: "a".repeat(32),
  namespaceId: "b".repeat(32),
  worker: "pix-api",
  qaUrls: ["https://api.pix.immo/api/qa"],
  canaryTag: "B2a",
};
const fileWith = (change: object = {}, name = "staging") =>
  JSON.stringify({ environments: { [name]: { ...ENV, ...change } } });

async function messageOf(text: string): Promise<string> {
  try {
    await parseConfigFile(text, "/p/pixcanary.json");
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "accepted";
}

describe("finding the file", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await realpath(await mkdtemp(join(tmpdir(), "pixcanary-config-")));
    await mkdir(join(dir, "a/b/c"), { recursive: true });
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test("the nearest upwards wins; an explicit path, relative to cwd, beats it", async () => {
    await writeFile(join(dir, "pixcanary.json"), fileWith());
    await writeFile(join(dir, "a/b/pixcanary.json"), `\uFEFF${fileWith({ worker: "near" })}`);
    await writeFile(join(dir, "other.json"), fileWith({ worker: "other" }));
    const cwd = join(dir, "a/b/c");
    const near = await loadConfig({ cwd });
    expect(near.path).toBe(join(dir, "a/b/pixcanary.json"));
    expect(near.config.environments.staging?.worker).toBe("near");
    const explicit = await loadConfig({ cwd, explicitPath: "../../../other.json" });
    expect(explicit.path).toBe(join(dir, "other.json"));
  });

  test("none at all, a missing explicit one, a folder and an over-long one are told apart", async () => {
    const cwd = join(dir, "a");
    await expect(loadConfig({ cwd })).rejects.toThrow(/^no pixcanary.json in .* or above$/);
    await expect(loadConfig({ cwd, explicitPath: "x.json" })).rejects.toThrow(/^file not found/);
    await mkdir(join(cwd, "pixcanary.json"));
    await expect(loadConfig({ cwd })).rejects.toThrow(/is not a file$/);
    await writeFile(join(cwd, "big.json"), " ".repeat(300 * 1024));
    await expect(loadConfig({ cwd, explicitPath: "big.json" })).rejects.toThrow(
      /longer than 256 KiB/,
    );
  });
});

describe("mistakes in the JSON have line and column", () => {
  test.each([
    ['{\n  "environments": x\n}', "2:19: not JSON: Unexpected token 'x'"],
    ['{\n  "a": 1\n  "b": 2\n}', "3:3: not JSON: Expected ',' or '}' after property value"],
    ['{\n  // comment\n  "a": x, }', "3:8: not JSON: Unexpected token 'x'"],
    ['/* "a": */ {"a": 1,, }', "1:20: not JSON: Expected double-quoted property name"],
    ['{"environments": {,}}', "1:19: not JSON: Expected property name or '}'"],
    ['{"a": 1} /* no end', "1:10: not JSON: unexpected text or comment"],
    ['{"a":\n', "2:1: not JSON: the file ends too early"],
    ["", "1:1: not JSON: the file ends too early"],
  ])("%j", async (text, expected) => {
    expect(await messageOf(text)).toBe(`/p/pixcanary.json:${expected}`);
  });

  test("the mark is never before the broken character, and the text is not quoted", async () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (json, at) => {
        expect(findJsonMistake(json)).toBeNull();
        const cut = at % (json.length + 1);
        const broken = `${json.slice(0, cut)}\u0001${json.slice(cut)}`;
        const mistake = findJsonMistake(broken);
        expect(mistake?.line).toBe(1);
        expect(mistake?.column).toBe(cut + 1);
      }),
    );
    expect(await messageOf('{"tokenFile": cfut_0123456789abcdef}')).not.toContain("cfut_");
  });
});

const NO_ORIGIN =
  "environments.staging.pagesOrigin: must be an origin like https://pix.immo, without a path";

describe("mistakes in the content are named in plain words", () => {
  test.each([
    [{ acountId: "x" }, "environments.staging.acountId: unknown setting; did you mean accountId?"],
    [{ qaURLs: [] }, "environments.staging.qaURLs: unknown setting; did you mean qaUrls?"],
    [{ zzzzzzzz: 1 }, "environments.staging.zzzzzzzz: unknown setting"],
    [{ accountId: undefined }, "environments.staging.accountId: is missing"],
    [{ accountId: "xyz" }, "environments.staging.accountId: must be 32 hexadecimal digits"],
    [{ worker: 3 }, "environments.staging.worker: must be a string"],
    [{ qaUrls: [] }, "environments.staging.qaUrls: must not be empty"],
    [{ pagesOrigin: "https://pix.immo/" }, NO_ORIGIN],
    [{ pagesOrigin: "http://pix.immo" }, NO_ORIGIN],
    [{ pagesOrigin: "pix.immo" }, NO_ORIGIN],
    [{ normalPercent: 101 }, "environments.staging.normalPercent: must be at most 100"],
    [
      { normalPercent: 1.234 },
      "environments.staging.normalPercent: has more than two decimal places",
    ],
    [{ protected: "yes" }, "environments.staging.protected: must be true or false"],
    [
      { policy: { errorRateCritial: {} } },
      "environments.staging.policy.errorRateCritial: unknown setting; did you mean errorRateCritical?",
    ],
    [
      { policy: { p90Warning: { limitMS: 1 } } },
      "environments.staging.policy.p90Warning.limitMS: unknown setting; did you mean limitMs?",
    ],
    [
      { policy: { orphanedIntents: { minutes: 0 } } },
      "environments.staging.policy.orphanedIntents.minutes: must be at least 1",
    ],
    [
      { notify: { pagerdty: {} } },
      "environments.staging.notify.pagerdty: unknown setting; did you mean pagerduty?",
    ],
    [
      { notify: { pagerduty: { routingKeyfile: "x" } } },
      "environments.staging.notify.pagerduty.routingKeyfile: unknown setting; did you mean routingKeyFile?",
    ],
    [{ notify: { webhook: {} } }, "environments.staging.notify.webhook.url: is missing"],
    [
      { canaryTag: "B 2" },
      "environments.staging.canaryTag: must be 1 to 32 letters, digits, _ or -",
    ],
    [{ slack: "\u001b]52;x" }, "environments.staging.slack: must not hold control characters"],
    [
      { dataset: "a; DROP" },
      "environments.staging.dataset: must be an Analytics Engine dataset name",
    ],
  ])("%j", async (change, expected) => {
    expect(await messageOf(fileWith(change))).toBe(`/p/pixcanary.json:\n  ${expected}`);
  });

  test.each([
    ["{}", "environments: is missing"],
    ["[]", "the file: must be an object"],
    ['{"environments":{}}', "environments: must name at least one environment"],
    [fileWith({}, "Prod!"), "environments.Prod!: must be 1 to 32 of a-z, 0-9 and -"],
    [fileWith({ "\u001b[31m": 1 }), "environments.staging.\\x1b[31m: unknown setting"],
    [
      fileWith().replace(/^\{/, '{"enviroments":{},'),
      "enviroments: unknown setting; did you mean environments?",
    ],
    [
      fileWith().replace('"worker"', '"__proto__":{},"worker"'),
      "environments.staging.__proto__: unknown setting",
    ],
  ])("%j", async (text, expected) => {
    expect(await messageOf(text)).toBe(`/p/pixcanary.json:\n  ${expected}`);
  });

  test("many mistakes are all counted, the first ten shown", async () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`zzzzzzzz${n}`, 1]));
    expect((await messageOf(fileWith(many))).split("\n")).toHaveLength(12);
    expect(await messageOf(fileWith(many))).toContain("and 20 more");
  });
});

describe("relief needs to know where to write, and no more", () => {
  const relief = (text: string) => parseForRelief(text, "/p/pixcanary.json");
  const among = (environments: object, rest: object = {}) =>
    relief(JSON.stringify({ ...rest, environments }));

  test("a file without mistakes reads the same", async () => {
    const strict = await parseConfigFile(fileWith(), "x");
    expect(await relief(fileWith())).toEqual({
      config: strict,
      unusable: new Map(),
      broken: null,
      warnings: [],
    });
  });

  test("mistakes elsewhere are said, one line each, and change nothing", async () => {
    const broken = { ...ENV, accountId: "xyz", policy: 3 };
    const { config, unusable, warnings } = await among(
      { staging: ENV, other: broken, "Prod!": ENV },
      { x: 1 },
    );
    expect(config.environments.staging).toMatchObject(ENV);
    expect([...unusable.keys()]).toEqual(["other", "Prod!"]);
    expect(unusable.get("other")?.why.message).toBe(
      "/p/pixcanary.json:\n  environments.other.accountId: must be 32 hexadecimal digits\n" +
        "  environments.other.policy: must be an object",
    );
    expect(unusable.get("Prod!")?.why.message).toContain("must be 1 to 32 of a-z, 0-9 and -");
    expect(warnings).toEqual([
      "/p/pixcanary.json: environments.other.accountId: must be 32 hexadecimal digits",
      "/p/pixcanary.json: environments.other.policy: must be an object",
      "/p/pixcanary.json: environments.Prod!: must be 1 to 32 of a-z, 0-9 and -",
      "/p/pixcanary.json: x: unknown setting",
    ]);
  });

  test.each<[object, object]>([
    [{ policy: 3 }, {}],
    [{ policy: { bucketSeconds: -1 } }, {}],
    [{ notify: [] }, {}],
    [
      { notify: { pagerduty: {}, slack: 3, webhook: { url: "x" } } },
      { notify: { pagerduty: {}, slack: undefined, webhook: undefined } },
    ],
    [{ zzzzzzzz: 1 }, {}],
    [{ dataset: "a; DROP" }, {}],
    [{ normalPercent: "ten" }, { normalPercent: 10 }],
    [{ protected: "yes" }, {}],
    [{ worker: "" }, { worker: "unknown" }],
    [{ canaryTag: "B 2" }, { canaryTag: "unknown" }],
    [{ slack: 3, onCall: "", docs: [] }, {}],
    [{ channels: "#x", escalation: [{ afterMinutes: 15 }] }, {}],
    [{ tokenFile: 3, qaTokenFile: "" }, {}],
    [{ qaUrls: undefined }, { qaUrls: [] }],
    [{ qaUrls: ["\u001b]52;x"] }, { qaUrls: [] }],
    // Kept, so that nobody takes the stop for live everywhere; the probe asks no such address.
    [{ qaUrls: ["ftp://x/qa", ...ENV.qaUrls] }, { qaUrls: ["ftp://x/qa", ...ENV.qaUrls] }],
  ])("of its own environment, %j is passed over", async (change, expected) => {
    const { config, unusable, warnings } = await relief(fileWith(change));
    expect(unusable.size).toBe(0);
    expect(warnings.length).toBeGreaterThan(0);
    const env = findEnvironment(config, "staging");
    const { accountId, namespaceId } = ENV;
    expect(env).toMatchObject({ accountId, namespaceId, ...expected });
    const wrong = Object.keys(change).filter((key) => !(key in expected));
    for (const key of wrong) expect(env).not.toHaveProperty([key], expect.anything());
  });

  test.each([
    [{ accountId: undefined }, "accountId: is missing"],
    [{ namespaceId: "xyz" }, "namespaceId: must be 32 hexadecimal digits"],
    [
      { apiBaseUrl: "https://evil.example/client/v4" },
      "apiBaseUrl: must be https://api.cloudflare",
    ],
  ])("without %j there is nothing to be done", async (change, expected) => {
    const { config, unusable } = await relief(fileWith({ ...change, policy: 3 }));
    expect(findEnvironment(config, "staging")).toBeNull();
    expect(unusable.get("staging")?.why.message).toContain(`environments.staging.${expected}`);
  });

  test.each(["{", "[]", "{}", '{"environments":{}}', '{"environments":[]}'])(
    "%s is refused, as for everybody",
    async (text) => {
      await expect(relief(text)).rejects.toThrow(ConfigError);
      await expect(relief(text)).rejects.toThrow(await messageOf(text));
    },
  );

  test("many mistakes are not many lines", async () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`zzzzzzzz${n}`, 1]));
    const { warnings } = await relief(fileWith(many));
    expect(warnings).toHaveLength(11);
    expect(warnings.at(-1)).toContain("and 20 more");
  });
});

describe("a configuration file cannot send a token elsewhere (AT-19)", () => {
  const HOSTILE = [
    "https://evil.example/client/v4",
    "https://api.cloudflare.com.evil.example/client/v4",
    "https://api.cloudflare.com@evil.example/client/v4",
    "https://user:pw@api.cloudflare.com/client/v4",
    "http://api.cloudflare.com/client/v4",
    "https://api.cloudflare.com/client/v4/../../x",
    "https://api.cloudflare.com:8443/client/v4",
    "http://127.0.0.1@evil.example/",
    "http://127.0.0.1.evil.example/",
    "http://localhost.evil.example/",
    "http://evil.example\\@127.0.0.1/",
    "http://10.0.0.1/client/v4",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "",
    ..."$;&|()'`\"<>!*{}".split("").map((char) => `http://127.0.0.1:9/a${char}b`),
  ];
  test.each(HOSTILE)("as the API: %s", async (apiBaseUrl) => {
    expect(await messageOf(fileWith({ apiBaseUrl }))).toContain(
      "apiBaseUrl: must be https://api.cloudflare",
    );
    expect(isSafeApiUrl(apiBaseUrl)).toBe(false);
  });

  test.each([
    "http://127.0.0.1:8787/client/v4",
    "http://localhost:1/client/v4/",
    "http://[::1]:1/client/v4",
    "https://api.cloudflare.com/client/v4",
    "https://api.cloudflare.com/client/v4/",
  ])("allowed as the API: %s", async (apiBaseUrl) => {
    expect(await messageOf(fileWith({ apiBaseUrl }))).toBe("accepted");
    expect(apiBaseUrlOf({ apiBaseUrl })).not.toMatch(/\/$/);
  });

  test.each([
    "http://api.pix.immo/qa",
    "https://u:p@api.pix.immo/qa",
    "https://api.pix.immo/qa#x",
    "ftp://x/qa",
    "/qa",
  ])("not as /qa: %s", async (url) => {
    expect(await messageOf(fileWith({ qaUrls: [url] }))).toContain(
      "qaUrls.0: must be an https:// URL",
    );
  });
});

describe("where notices may go", () => {
  const said = (notify: object) => messageOf(fileWith({ notify }));

  test.each([
    { pagerduty: { apiUrl: "https://events.pagerduty.com/v2/enqueue" } },
    { pagerduty: { apiUrl: "https://events.eu.pagerduty.com/v2/enqueue" } },
    { pagerduty: { apiUrl: "http://127.0.0.1:8787/v2/enqueue" }, slack: {} },
    { webhook: { url: "https://hooks.pix.immo/canary?team=b", tokenFile: "~/token" } },
    { webhook: { url: "http://localhost:1/hook" } },
    {},
  ])("%j", async (notify) => {
    expect(await said(notify)).toBe("accepted");
  });

  test.each([
    "https://events.pagerduty.com.evil.example/v2/enqueue",
    "http://events.pagerduty.com/v2/enqueue",
    "https://127.0.0.1@evil.example/v2/enqueue",
    "http://127.0.0.1.evil.example/",
  ])("not PagerDuty's key to %s", async (apiUrl) => {
    expect(await said({ pagerduty: { apiUrl } })).toContain(
      "notify.pagerduty.apiUrl: must be https://",
    );
  });

  test.each(["http://hooks.pix.immo/", "https://u:p@hooks.pix.immo/", "ftp://x/", "/hook"])(
    "not a webhook's token to %s",
    async (url) => {
      expect(await said({ webhook: { url } })).toContain(
        "notify.webhook.url: must be an https:// URL",
      );
    },
  );
});

describe("a target", () => {
  const target = async (name: string, change: object = {}) => {
    const config = await parseConfigFile(fileWith(change, name), "x");
    const env = findEnvironment(config, name);
    if (env === null) throw new Error("not found");
    return toTarget(name, env);
  };

  test("has the defaults: 10 %, protected when the name contains prod", async () => {
    expect(await target("production")).toEqual({
      env: "production",
      ...ENV,
      ramps: {},
      rampMinNativeRequests: 200,
      normalPercent: 10,
      protected: true,
      configPath: null,
      apiBaseUrl: "https://api.cloudflare.com/client/v4",
      dataset: null,
      zone: null,
      legacyHosts: [],
      policy: DEFAULT_POLICY,
      pagesOrigin: null,
      contacts: NO_CONTACTS,
    });
    expect((await target("staging")).protected).toBe(false);
    expect((await target("staging", { dataset: "canary_requests" })).dataset).toBe(
      "canary_requests",
    );
    expect((await target("prod", { protected: false })).protected).toBe(false);
    expect(await target("staging", { protected: true, normalPercent: 2.5 })).toMatchObject({
      protected: true,
      normalPercent: 2.5,
    });
  });

  test("has the policy's own numbers where the environment replaces none", async () => {
    const policy = { minNativeRequests: 7, errorRateCritical: { limitPercent: 2 } };
    const { errorRateCritical, ...rest } = (await target("staging", { policy })).policy;
    const own = DEFAULT_POLICY;
    expect(errorRateCritical).toEqual({ ...own.errorRateCritical, limitPercent: 2 });
    expect({ ...rest, errorRateCritical: own.errorRateCritical }).toEqual({
      ...own,
      minNativeRequests: 7,
    });
  });

  test("exists only when it is configured, whatever objects inherit", async () => {
    const config = await parseConfigFile(fileWith(), "x");
    for (const name of ["constructor", "toString", "__proto__", "prod"]) {
      expect(findEnvironment(config, name)).toBeNull();
    }
  });
});
