import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError, loadConfig, parseConfigFile } from "../../src/adapters/config-file.ts";
import { findJsonMistake } from "../../src/adapters/json-position.ts";
import {
  apiBaseUrlOf,
  findEnvironment,
  isSafeApiUrl,
  toTarget,
} from "../../src/domain/environment.ts";

const ENV = {
  accountId: "a".repeat(32),
  namespaceId: "b".repeat(32),
  worker: "pix-api",
  qaUrls: ["https://api.pix.immo/api/qa"],
  canaryTag: "B2a",
};
const fileWith = (change: object = {}, name = "staging") =>
  JSON.stringify({ environments: { [name]: { ...ENV, ...change } } });

function messageOf(text: string): string {
  try {
    parseConfigFile(text, "/p/pixcanary.json");
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
    await expect(loadConfig({ cwd, explicitPath: "x.json" })).rejects.toThrow(/^there is no file/);
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
    ["{\n  // comment\n}", "2:3: not JSON: Expected property name or '}'"],
    ['{"a": 1,}', "1:9: not JSON: Expected double-quoted property name"],
    ['{"a":\n', "2:1: not JSON: the file ends too early"],
    ["", "1:1: not JSON: the file ends too early"],
  ])("%j", (text, expected) => {
    expect(messageOf(text)).toBe(`/p/pixcanary.json:${expected}`);
  });

  test("the mark is never before the broken character, and the text is not quoted", () => {
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
    expect(messageOf('{"tokenFile": cfut_0123456789abcdef}')).not.toContain("cfut_");
  });
});

describe("mistakes in the content are named in plain words", () => {
  test.each([
    [{ acountId: "x" }, "environments.staging.acountId: unknown setting; did you mean accountId?"],
    [{ qaURLs: [] }, "environments.staging.qaURLs: unknown setting; did you mean qaUrls?"],
    [{ zzzzzzzz: 1 }, "environments.staging.zzzzzzzz: unknown setting"],
    [{ accountId: undefined }, "environments.staging.accountId: is missing"],
    [{ accountId: "xyz" }, "environments.staging.accountId: must be 32 hexadecimal digits"],
    [{ worker: 3 }, "environments.staging.worker: must be a text"],
    [{ qaUrls: [] }, "environments.staging.qaUrls: must not be empty"],
    [{ normalPercent: 101 }, "environments.staging.normalPercent: must be at most 100"],
    [
      { normalPercent: 1.234 },
      "environments.staging.normalPercent: has more than two decimal places",
    ],
    [{ protected: "yes" }, "environments.staging.protected: must be true or false"],
    [
      { canaryTag: "B 2" },
      "environments.staging.canaryTag: must be 1 to 32 letters, digits, _ or -",
    ],
    [{ slack: "\u001b]52;x" }, "environments.staging.slack: must not hold control characters"],
    [
      { dataset: "a; DROP" },
      "environments.staging.dataset: must be an Analytics Engine dataset name",
    ],
  ])("%j", (change, expected) => {
    expect(messageOf(fileWith(change))).toBe(`/p/pixcanary.json:\n  ${expected}`);
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
  ])("%j", (text, expected) => {
    expect(messageOf(text)).toBe(`/p/pixcanary.json:\n  ${expected}`);
  });

  test("many mistakes are all counted, the first ten shown", () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`zzzzzzzz${n}`, 1]));
    expect(messageOf(fileWith(many)).split("\n")).toHaveLength(12);
    expect(messageOf(fileWith(many))).toContain("and 20 more");
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
  ];
  test.each(HOSTILE)("as the API: %s", (apiBaseUrl) => {
    expect(messageOf(fileWith({ apiBaseUrl }))).toContain(
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
  ])("allowed as the API: %s", (apiBaseUrl) => {
    expect(messageOf(fileWith({ apiBaseUrl }))).toBe("accepted");
    expect(apiBaseUrlOf({ apiBaseUrl })).not.toMatch(/\/$/);
  });

  test.each([
    "http://api.pix.immo/qa",
    "https://u:p@api.pix.immo/qa",
    "https://api.pix.immo/qa#x",
    "ftp://x/qa",
    "/qa",
  ])("not as /qa: %s", (url) => {
    expect(messageOf(fileWith({ qaUrls: [url] }))).toContain("qaUrls.0: must be an https:// URL");
  });
});

describe("a target", () => {
  const target = (name: string, change: object = {}) => {
    const config = parseConfigFile(fileWith(change, name), "x");
    const env = findEnvironment(config, name);
    if (env === null) throw new Error("not found");
    return toTarget(name, env);
  };

  test("has the defaults: 10 %, protected when the name contains prod", () => {
    expect(target("production")).toEqual({
      env: "production",
      ...ENV,
      normalPercent: 10,
      protected: true,
      configPath: null,
      apiBaseUrl: "https://api.cloudflare.com/client/v4",
      contacts: { onCall: null, slack: null, docs: null },
    });
    expect(target("staging").protected).toBe(false);
    expect(target("prod", { protected: false }).protected).toBe(false);
    expect(target("staging", { protected: true, normalPercent: 2.5 })).toMatchObject({
      protected: true,
      normalPercent: 2.5,
    });
  });

  test("exists only when it is configured, whatever objects inherit", () => {
    const config = parseConfigFile(fileWith(), "x");
    for (const name of ["constructor", "toString", "__proto__", "prod"]) {
      expect(findEnvironment(config, name)).toBeNull();
    }
  });
});
