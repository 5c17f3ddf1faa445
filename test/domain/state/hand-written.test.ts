/** Values of `config` as a person in a hurry writes them: read where they mean but one thing. */
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/domain/state/documents.ts";

const CONFIG = {
  canary_percent: 10,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2026-11-28T08:10:00Z",
};
const read = (field: string, value: unknown) =>
  parseConfig(JSON.stringify({ ...CONFIG, [field]: value }));

describe("a percentage", () => {
  it.each([
    ["10", 10],
    ["10%", 10],
    [" 10 % ", 10],
    ["0", 0],
    ["100", 100],
    ["2.5", 2.5],
    ["007", 7],
  ])("%j is read as %d", (text, percent) => {
    expect(read("canary_percent", text)).toMatchObject({ value: { canary_percent: percent } });
  });

  it.each([
    "",
    " ",
    "%",
    "101",
    "1000",
    "-1",
    "10,5",
    "1.234",
    "1e1",
    "0x1",
    "ten",
    "10 or 20",
    "10%%",
    "1 0",
    null,
    true,
    [],
    {},
  ])("%j is none", (text) => expect(read("canary_percent", text).kind).toBe("invalid"));
});

describe("the flag", () => {
  it.each([
    ["true", true],
    [" TRUE ", true],
    ["false", false],
    ["False", false],
  ])("%j is read as %s", (text, flag) => {
    expect(read("emergency_proxy", text)).toMatchObject({ value: { emergency_proxy: flag } });
  });

  it.each([1, "yes", "on", "1"])("%j is not readable, and asks for an emergency", (value) => {
    expect(read("emergency_proxy", value)).toMatchObject({ kind: "invalid", emergency: true });
  });

  it.each([0, "no", "", null, [], "2"])("%j is not readable, and asks for none", (value) => {
    expect(read("emergency_proxy", value)).toMatchObject({ kind: "invalid", emergency: false });
  });
});

it("blanks around, line ends of Windows and a byte order mark change nothing", () => {
  const lines = JSON.stringify(CONFIG, null, 2).replaceAll("\n", "\r\n");
  for (const text of [`\uFEFF${lines}`, `\u00A0\r\n${lines}\r\n\u00A0`]) {
    expect(parseConfig(text)).toEqual({ kind: "valid", value: CONFIG });
  }
  expect(read("canary_tag", " B2a ")).toMatchObject({ value: { canary_tag: "B2a" } });
});
