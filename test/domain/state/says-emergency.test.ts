/** A `config` that is unusable as a whole, and whether its text asks for an emergency. */
import fc from "fast-check";
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
    [`'{\\"canary_percent\\":0,\\"emergency_proxy\\":true}'`],
    [JSON.stringify(JSON.stringify('{"emergency_proxy":true}'))],
    ['"{"canary_percent":0,"emergency_proxy":true}"'],
    [JSON.stringify({ value: '{"emergency_proxy":true}', metadata: null })],
    ['{"config":{"emergency_proxy":true}}'],
    ["{canary_percent:0,emergency_proxy:true,reason:was emergency_proxy: false before}"],
    ['{"emergency_proxy":1}'],
    ['{"emergency_proxy":"on"}'],
    ['{"emergency-proxy":true}'],
    ['{"emergencyProxy":"TRUE "}'],
    ['{"emergency":true,"canary_percent":0}'],
    ["{emergency: yes}"],
    ['{"emergency_proxy":tr'],
    ['{"emergency_proxy": /* stop! */ true}'],
    ['{"reason":"see https://x.example/a","emergency_proxy":true,}'],
    ["{reason:see https://x.example/a,emergency_proxy:true}"],
    ["{&quot;emergency_proxy&quot;:true}"],
    ["canary_percent: 0\nemergency_proxy: true\n"],
    ["{\u200b\u201cemergency_proxy\u201d\u00a0: \u201ctrue\u201d}"],
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
    ['{"emergency_proxy":true-ish'],
    ['{"emergency_proxy":10}'],
    ['{"emergency_proxy":false} // "emergency_proxy":true'],
    ['{"emergency_proxy":false, /* "emergency_proxy":true */}'],
    ['{"emergency_proxy":false,"emergency":true}'],
    ["{canary_percent:50,emergency_proxy:false,reason:after emergency: on call}"],
    ['{"canary_percent":50,"reason":"after the emergency: on call","canary_tag":'],
    ["emergency_proxy: false # was emergency_proxy: true"],
    ['{"emergency_proxy":true,"emergency_proxy":false'],
    ['{"a":{"toString":1,"valueOf":1}}'],
    [`{"a":${"[".repeat(8_000)}${"]".repeat(8_000)}}`],
    [`{"a":{"b":"{\\"emergency_proxy\\":false}"}}`],
    [`${" ".repeat(120_000)}x`],
    [`${"'".repeat(120_000)}x`],
    [`x"${'\\"'.repeat(60_000)}`],
    ["/*".repeat(60_000)],
    ["\\".repeat(120_000)],
    [`{"emergency_proxy":false,"reason":"${LONG}"}`],
    [`{"reason":"${HUGE}","emergency_proxy":false}`],
  ])("%.80j", (text) => expect(asks(text)).toBe(false));
});

/** What shells, editors and dashboards do to a line that was meant well. */
const MUTATIONS: Readonly<Record<string, (text: string) => string>> = {
  "quotes stripped": (text) => text.replaceAll('"', ""),
  "single quotes": (text) => text.replaceAll('"', "'"),
  "typographic quotes": (text) => text.replaceAll(/"([^"]*)"/g, "\u201C$1\u201D"),
  "trailing comma": (text) => text.replace(/\}\s*$/, ",}"),
  "cut-off brace": (text) => text.replace(/[}\s'"]+$/, ""),
  "a comment": (text) => text.replace(",", ", // by hand\n"),
  "a comment before the value": (text) => text.replace(/proxy("?):/, "proxy$1: /* now */ "),
  "percent as text": (text) => text.replace('"canary_percent":0', '"canary_percent":"0 %"'),
  "flag as text": (text) => text.replace(/(proxy"?:\s*)(true|false)/, '$1"$2"'),
  "flag in capitals": (text) =>
    text.replace(/(proxy"?:\s*"?)(true|false)/, (_, key, flag) => key + flag.toUpperCase()),
  "in quotes": (text) => `"${text}"`,
  "in single quotes": (text) => `'${text}'`,
  "double-encoded": (text) => JSON.stringify(text),
  "quotes escaped": (text) => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"'),
  "byte order mark": (text) => `\uFEFF${text}`,
  "line ends of Windows": (text) => `${text.replaceAll(",", ",\r\n")}\r\n`,
  spaces: (text) => ` ${text.replaceAll(":", " : ")} `,
  "hard spaces": (text) => text.replaceAll(":", "\u00A0:\u00A0"),
  "UTF-16": (text) => [...text].join("\u0000"),
};

it("a line of the runbook asks for what it says, whatever two mishaps do to it", () => {
  const mishap = fc.constantFrom(...Object.keys(MUTATIONS));
  fc.assert(
    fc.property(fc.boolean(), fc.array(mishap, { maxLength: 2 }), (flag, names) => {
      const line = `{"canary_percent":0,"canary_tag":"B2a","emergency_proxy":${flag},"last_updated":"2026-11-28T08:10:00Z"}`;
      const text = names.reduce((so, name) => MUTATIONS[name]?.(so) ?? so, line);
      const parsed = parseConfig(text);
      const emergency =
        parsed.kind === "valid"
          ? parsed.value.emergency_proxy
          : parsed.kind === "invalid" && parsed.emergency;
      expect(emergency, text).toBe(flag);
    }),
    { numRuns: 2_000 },
  );
});
