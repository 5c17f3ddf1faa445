/** TOML that people write, edited: what is asked for changes, all else says what it said. */
import { parse } from "@decimalturn/toml-patch";
import { expect, test } from "vitest";
import { editToml } from "../../src/adapters/toml-edit.ts";

const FILE = `# by hand
name = "pix-api" # the Worker
compatibility_date = "2026-07-01"

[env.staging]
name = "pix-api-staging"

  [env.staging.vars]
  ENVIRONMENT = "staging"   # keep

[[env.staging.kv_namespaces]]
binding = "KV_CANARY_CONFIG"
id = "0"  # wrong

# production
[env.production]
name = "pix-api"
`;

const STAGING = ["env", "staging"];

test("a value in place, one that is new, a list that is new, an item at the end of a list", async () => {
  const after = await editToml(FILE, [
    { path: [...STAGING, "kv_namespaces", 0, "id"], value: "123" },
    { path: [...STAGING, "logpush"], value: true },
    { path: [...STAGING, "r2_buckets"], value: [{ binding: "MEDIA", bucket_name: "m" }] },
    { path: [...STAGING, "kv_namespaces", 1], value: { binding: "B", id: "4" } },
    { path: ["env", "new", "vars", "A"], value: "a" },
  ]);
  const wanted = parse(FILE) as { env: Record<string, Record<string, unknown>> };
  wanted.env.staging = {
    ...wanted.env.staging,
    logpush: true,
    kv_namespaces: [
      { binding: "KV_CANARY_CONFIG", id: "123" },
      { binding: "B", id: "4" },
    ],
    r2_buckets: [{ binding: "MEDIA", bucket_name: "m" }],
  };
  wanted.env.new = { vars: { A: "a" } };
  expect(parse(after)).toEqual(wanted);
  for (const comment of ["# by hand", "# the Worker", "# keep", "# wrong", "# production"]) {
    expect(after).toContain(comment);
  }
});

test("nothing to change changes no byte", async () => {
  expect(await editToml(FILE, [])).toBe(FILE);
});

test("an empty file, one without an end of line, and Windows' ends of lines", async () => {
  const edits = [{ path: ["vars", "A"], value: "a" }];
  expect(parse(await editToml("", edits))).toEqual({ vars: { A: "a" } });
  expect(parse(await editToml('name = "x"', edits))).toEqual({ name: "x", vars: { A: "a" } });
  const windows = await editToml('name = "x" # n\r\n\r\n[vars]\r\nB = "b"\r\n', edits);
  expect(parse(windows)).toEqual({ name: "x", vars: { B: "b", A: "a" } });
  expect(windows).toContain('name = "x" # n\r\n');
});
