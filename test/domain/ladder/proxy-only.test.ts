/** What tells a proxy-only version from any other, and when a deployment is the same as before. */
import { expect, test } from "vitest";
import { isSameSplit, notProxyOnly } from "../../../src/domain/ladder/proxy-only.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";

const EMERGENCY = { tag: "none", cohort: "proxy", reason: "emergency" } as const;
const SAMPLED = { tag: "B2a", cohort: "native", reason: "sampled" } as const;

test.each([
  ["its answer says so, and decides so", { proxy_only: true }, EMERGENCY, null],
  ["a stop in force makes any version look like it", {}, EMERGENCY, "it is not proxy-only"],
  ["it only says so", { proxy_only: true }, SAMPLED, "it decides native (reason: sampled)"],
  ["it says so without a decision", { proxy_only: true }, null, "it decides nothing"],
  ["there is no document", null, EMERGENCY, "refused"],
])("a version: %s", (_, qa, decision, why) => {
  const look = { qa, decision, problem: qa === null ? "refused" : null } as unknown as Sighting;
  const said = notProxyOnly(look);
  if (why === null) expect(said).toBeNull();
  else expect(said).toContain(why);
});

test("a deployment is the same only with the same versions and parts, in any order", () => {
  const live = { versionId: "a", percentage: 100 };
  const held = { versionId: "b", percentage: 0 };
  expect(isSameSplit([live, held], [held, live])).toBe(true);
  expect(isSameSplit([live, held], [live])).toBe(false);
  expect(isSameSplit([live, held], [live, { ...held, percentage: 1 }])).toBe(false);
});
