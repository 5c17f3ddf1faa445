/** What is missing or wrong takes its safe side; decision.test.ts and qa.test.ts show what follows from it. */
import { describe, expect, test } from "vitest";
import { type Bindings, parseSettings } from "../../worker/env.ts";

/** None of it needs a binding. */
const parsed = (vars: Partial<Bindings>) => parseSettings(vars as Bindings);

describe("CANARY_OVERRIDE", () => {
  test.each(["signed", "open", "off"] as const)("%s is a mode", (CANARY_OVERRIDE) => {
    expect(parsed({ CANARY_OVERRIDE }).override).toBe(CANARY_OVERRIDE);
  });
  test.each(["yes", "", "SIGNED", undefined])("%j is off", (text) => {
    expect(parsed({ CANARY_OVERRIDE: text as "off" }).override).toBe("off");
  });
});

describe("/qa", () => {
  test.each([
    ["staging", "false", false],
    ["development", "false", false],
    ["staging", "true", true],
    ["staging", "no", true],
    ["staging", undefined, true],
    ["production", "false", true],
    ["elsewhere", "false", true],
    [undefined, "false", true],
  ])("in ENVIRONMENT %j with FEATURE_QA_GUARD %j is guarded: %j", (environment, guard, guarded) => {
    const vars = { ENVIRONMENT: environment, FEATURE_QA_GUARD: guard };
    expect(parsed(vars as Partial<Bindings>).qaGuarded).toBe(guarded);
  });

  test.each([
    ["absent", undefined],
    ["shorter than 32 characters", "s".repeat(31)],
    ["that no header can hold", `${"s".repeat(31)} s`],
  ])("a QA_TOKEN %s is none, and that is said without it", (_name, QA_TOKEN) => {
    const { qaToken, problems } = parsed(QA_TOKEN === undefined ? {} : { QA_TOKEN });
    expect(qaToken).toBe(null);
    expect(problems.join()).toContain("QA_TOKEN is not ");
    expect(problems.join()).not.toContain("sss");
  });

  test("a QA_TOKEN of 32 characters is one, without the white space around it", () => {
    expect(parsed({ QA_TOKEN: ` ${"s".repeat(32)}\n` }).qaToken).toBe("s".repeat(32));
  });
});

test.each([
  [undefined, false],
  ["", false],
  [" False ", false],
  ["true", true],
  ["1", true],
  ["yse", true],
])("PROXY_ONLY=%s makes a version proxy-only: %s", (PROXY_ONLY, expected) => {
  const env = PROXY_ONLY === undefined ? {} : { PROXY_ONLY };
  expect(parseSettings(env as Parameters<typeof parseSettings>[0]).proxyOnly).toBe(expected);
});
