/** A pixcanary.json written in a hurry: relief finds what is meant, or says what is missing. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, type LoadedConfig, parseForRelief } from "../../src/adapters/config-file.ts";
import { environmentForRelief } from "../../src/cli/environment.ts";
import { hintOf } from "../../src/cli/errors.ts";

const PATH = "/p/pixcanary.json";
const environment = (digit: string) => ({
  accountId: digit.repeat(32),
  namespaceId: String(Number(digit) + 1).repeat(32),
  worker: "pix-api",
  qaUrls: [`https://api${digit}.pix.immo/api/qa`],
  canaryTag: "B2a",
});
const OWN = environment("3");
const GOOD = { environments: { first: environment("1"), own: OWN, last: environment("5") } };
const VARIABLES = { CLOUDFLARE_ACCOUNT_ID: "a".repeat(32), PIXCANARY_NAMESPACE_ID: "b".repeat(32) };

async function load(text: string): Promise<LoadedConfig> {
  const nothing = { path: PATH, config: { environments: {} }, unusable: new Map(), warnings: [] };
  return parseForRelief(text, PATH).then(
    (read) => ({ path: PATH, ...read }),
    (broken: unknown) => {
      if (broken instanceof ConfigError) return { ...nothing, broken };
      throw broken;
    },
  );
}

/** Where a stop would go; null when a message for people says why it goes nowhere. */
async function placeIn(text: string, env: NodeJS.ProcessEnv = {}, named?: string) {
  const loaded = await load(text);
  try {
    const found = environmentForRelief(loaded, named, env);
    return `${found.environment.accountId} ${found.environment.namespaceId}`;
  } catch (error) {
    expect(hintOf(error)).not.toBeNull();
    return null;
  }
}

const own = `${OWN.accountId} ${OWN.namespaceId}`;
const variables = Object.values(VARIABLES).join(" ");
const TEXTS = [JSON.stringify(GOOD, null, 2), JSON.stringify(GOOD)];

describe("each mutation of a good file", () => {
  it.each(TEXTS)(
    "without one of its characters, or cut there, names no other place",
    async (text) => {
      for (let at = 0; at < text.length; at += 1) {
        for (const changed of [text.slice(0, at) + text.slice(at + 1), text.slice(0, at)]) {
          expect([own, null], changed).toContain(await placeIn(changed, {}, "own"));
        }
      }
    },
  );

  it.each(TEXTS)(
    "with a comma or a quote doubled or lines lost, names no other place",
    async (text) => {
      const lines = text.split("\n");
      for (const [at, character] of [...text].entries()) {
        if (!',"{}'.includes(character)) continue;
        const doubled = text.slice(0, at) + character + text.slice(at);
        expect([own, null], doubled).toContain(await placeIn(doubled, {}, "own"));
      }
      for (let at = 0; at < lines.length; at += 1) {
        const lost = lines.toSpliced(at, 1).join("\n");
        expect([own, null], lost).toContain(await placeIn(lost, {}, "own"));
      }
    },
  );

  it.each([
    ["comments", (text: string) => text.replaceAll("\n", " // why\n").replace("{", "/* a */{")],
    [
      "a comma after each last entry",
      (text: string) => text.replace(/(?<=[^{[\s])(?=\s*[}\]])/g, ","),
    ],
    ["CRLF", (text: string) => text.replaceAll("\n", "\r\n")],
  ])("with %s it reads as it was meant", async (_, change) => {
    expect(await placeIn(change(TEXTS[0] ?? ""), VARIABLES, "own")).toBe(own);
  });

  it("a comma doubled or missing elsewhere leaves the rest readable", async () => {
    const [text = ""] = TEXTS;
    expect(await placeIn(text.replace(",", ",,"), {}, "own")).toBe(own);
    expect(await placeIn(text.replace('"pix-api",', '"pix-api"'), {}, "own")).toBe(own);
  });

  it("any text whatever is read, or refused in words", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
        expect(await placeIn(text, {}, "own")).toBeNull();
        expect(await placeIn(text, VARIABLES, "own")).toBe(variables);
      }),
      { numRuns: 30 },
    );
    expect(await placeIn("[".repeat(200_000), {}, "own")).toBeNull();
  });
});

describe("what the file does not say", () => {
  it.each(["", "\0\u0001", "{", "'own': {}", "[]", '{"environments": 3}'])(
    "%j: account and namespace come from the variables, or are named as missing",
    async (text) => {
      expect(await placeIn(text, VARIABLES, "own")).toBe(variables);
      expect(await placeIn(text, VARIABLES)).toBe(variables);
      const loaded = await load(text);
      expect(() => environmentForRelief(loaded, "own", {})).toThrow(
        /missing: accountId \(export CLOUDFLARE_ACCOUNT_ID=…\), namespaceId \(export PIXCANARY_NAMESPACE_ID=…\)/,
      );
    },
  );

  it("comes from the variables one by one; what it says counts before them", async () => {
    const wrong = JSON.stringify({ environments: { own: { ...OWN, namespaceId: 3, qaUrls: {} } } });
    const env = { ...VARIABLES, PIXCANARY_QA_URL: "https://a.pix.immo/qa, https://b.pix.immo/qa" };
    const found = environmentForRelief(await load(wrong), "own", env);
    expect(found.environment).toMatchObject({
      accountId: OWN.accountId,
      namespaceId: VARIABLES.PIXCANARY_NAMESPACE_ID,
      qaUrls: ["https://a.pix.immo/qa", "https://b.pix.immo/qa"],
    });
    expect(await placeIn(JSON.stringify(GOOD), VARIABLES, "own")).toBe(own);
    expect(await placeIn(JSON.stringify(GOOD), VARIABLES, "typo")).toBeNull();
  });

  it("an environment without a /qa address is proved at the one of the variable", async () => {
    const text = JSON.stringify({ environments: { own: { ...OWN, qaUrls: [] } } });
    const env = { PIXCANARY_QA_URL: "https://a.pix.immo/qa" };
    const found = environmentForRelief(await load(text), "own", env);
    expect(found.environment.qaUrls).toEqual(["https://a.pix.immo/qa"]);
    const own = environmentForRelief(await load(JSON.stringify(GOOD)), "own", env);
    expect(own.environment.qaUrls).toEqual(OWN.qaUrls);
  });

  it("a file that is cut off never makes the environment that it still names the only one", async () => {
    const text = JSON.stringify({ environments: { own: OWN } }).slice(0, -2);
    expect(await placeIn(text)).toBeNull();
    expect(await placeIn(text, {}, "own")).toBe(own);
  });

  it("the environment that it still names is one word of what to type", async () => {
    const text = JSON.stringify({ environments: { "x;$(id)": OWN } }).slice(0, -2);
    const loaded = await load(text);
    expect(() => environmentForRelief(loaded, undefined, {})).toThrow(
      expect.objectContaining({ hint: "--env 'x;$(id)'" }),
    );
  });

  it("two blocks that ran into each other are nobody's", async () => {
    const merged = JSON.stringify({ environments: { own: OWN } }).replace(
      '"worker"',
      `<<<<<<< "namespaceId": "${"9".repeat(32)}", "worker"`,
    );
    expect(await placeIn(merged, VARIABLES, "own")).not.toContain("9".repeat(32));
    expect(await placeIn(merged, VARIABLES, "own")).not.toContain(OWN.namespaceId);
  });
});

it("the case from the field is read as it was meant", async () => {
  const text = `{"environments": { // envs\n "own": ${JSON.stringify(OWN)},\n},\n}`;
  expect(await placeIn(text)).toBe(own);
});
