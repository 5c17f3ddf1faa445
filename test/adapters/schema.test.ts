import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { configFileSchema } from "../../src/domain/config/environment.ts";

const FILE = new URL("../../schema/pixcanary.schema.json", import.meta.url);

/** To renew the file: WRITE_SCHEMA=1 npx vitest run test/adapters/schema.test.ts */
test("the committed JSON Schema is the one that the code checks with", async () => {
  const schema = { title: "pixcanary.json", ...z.toJSONSchema(configFileSchema, { io: "input" }) };
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  if (process.env.WRITE_SCHEMA === "1") await writeFile(FILE, text);
  expect(await readFile(FILE, "utf8"), "renew it with WRITE_SCHEMA=1").toBe(text);
});
