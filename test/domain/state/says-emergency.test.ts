/** A `config` that is unusable as a whole, and whether its text asks for an emergency. */
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/domain/state/documents.ts";

const asks = (text: string) => {
  const parsed = parseConfig(text);
  expect(parsed.kind).toBe("invalid");
  return parsed.kind === "invalid" && parsed.emergency;
};
const LONG = "x".repeat(20_000);
const HUGE = "x".repeat(10_000_000);

describe("an unusable config asks for an emergency", () => {
  it.each([
    ['{"emergency_proxy":true}'],
    ['{"emergency_proxy": true, "canary_percent": "zero"}'],
    ['{"emergency_proxy":"true"}'],
    ['{"emergency_proxy":true,'],
    ["{'emergency_proxy': true}"],
    ["{emergency_proxy: true}"],
    ["emergency_proxy=true"],
    ["{\u201Cemergency_proxy\u201D: true}"],
    ['{"canary_percent":0 "emergency_proxy" : TRUE}'],
    [JSON.stringify('{"emergency_proxy":true}')],
    [[...'{"emergency_proxy":true}'].join("\u0000")],
    ['[{"emergency_proxy":true}]'],
    ['{"emergency_proxy":false,"emergency_proxy":true'],
    ['{"emergency_proxy":true,"reason":"it was emergency_proxy=false until now",'],
    ['{\\"canary_percent\\":0,\\"emergency_proxy\\":true}'],
  ])("%j", (text) => expect(asks(text)).toBe(true));

  it("however long it is, at its beginning and at its end", () => {
    for (const filler of [LONG, HUGE]) {
      expect(asks(`{"emergency_proxy":true,"reason":"${filler}"}`)).toBe(true);
      expect(asks(`{"reason":"${filler}","emergency_proxy":true}`)).toBe(true);
    }
  });
});

describe("an unusable config asks for none", () => {
  it.each([
    [""],
    ["{}"],
    ["true"],
    ['{"emergency_proxy":false}'],
    ['{"emergency_proxy":false'],
    ['{"emergency_proxy":false,"reason":"not \\"emergency_proxy\\":true","canary_tag":'],
    ['{"emergency_proxy":null,"reason":"was emergency_proxy: true"}'],
    ['{"not_emergency_proxy":true}'],
    ['{"emergency_proxy":false,"reason":"no emergency_proxy: true today",'],
    ['{\\"emergency_proxy\\":false}'],
    ['{"emergency_proxy":trueish'],
    ['{"emergency_proxy":true,"emergency_proxy":false'],
    [`{"emergency_proxy":false,"reason":"${LONG}"}`],
    [`{"reason":"${HUGE}","emergency_proxy":false}`],
  ])("%.80j", (text) => expect(asks(text)).toBe(false));
});
