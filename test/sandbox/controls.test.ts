/** The table of the sandbox's controls, and the help page that follows from it. */
import { expect, test } from "vitest";
import * as z from "zod";
import { widthOf } from "../../src/domain/text/width.ts";
import { faultRuleSchema, faultSummary } from "../../src/sandbox/api/faults.ts";
import { CONTROLS, summaryOf } from "../../src/sandbox/control/controls.ts";
import { fieldsOf } from "../../src/sandbox/control/fields.ts";
import { SANDBOX_CONTROL_HELP } from "../../src/sandbox/control/help.ts";

const flat = (text: string) => text.replace(/\s+/g, " ");

test("the help page names every control, what it is for, and every field that it takes", () => {
  const page = flat(SANDBOX_CONTROL_HELP);
  for (const { path, help, schema } of CONTROLS) {
    expect(page).toContain(`${path} ${help}`);
    if (schema !== undefined) expect(page).toContain(flat(fieldsOf(schema)));
  }
});

test("the help page fits 80 columns", () => {
  expect(SANDBOX_CONTROL_HELP.split("\n").filter((line) => widthOf(line) > 80)).toEqual([]);
  expect(SANDBOX_CONTROL_HELP).not.toContain("…\n");
});

test("each path stands once in the table", () => {
  expect(Object.keys(summaryOf(CONTROLS))).toHaveLength(CONTROLS.length);
});

test("each kind of fault says what it does", () => {
  const effects = Object.entries(faultSummary());
  expect(effects).toHaveLength(faultRuleSchema.options.length);
  expect(effects.filter(([, effect]) => effect === "")).toEqual([]);
});

test("fields are shown as a schema takes them", () => {
  const schema = z.strictObject({
    share: z.number().min(0).max(1),
    mode: z.enum(["slow", "broken"]).default("slow"),
    now: z.literal(true).optional(),
    status: z.int().min(200).max(599).nullable().optional(),
    rows: z.array(z.strictObject({ name: z.string() })).optional(),
    each: z.record(z.string(), z.boolean()).optional(),
  });
  expect(fieldsOf(schema)).toBe(
    '{"share": 0…1, "mode"?: slow | broken, "now"?: true, "status"?: 200…599 or null, ' +
      '"rows"?: [{"name": string}, …], "each"?: {"…": boolean}}',
  );
});
