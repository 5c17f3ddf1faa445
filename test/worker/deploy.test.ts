import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dryRun } from "./bundle.ts";

// Every build is the same dry run of staging: a suite that has a bundle has seen it pass.
test("wrangler deploy --dry-run accepts production", async () => {
  const outdir = await mkdtemp(join(tmpdir(), "pix-bundle-"));
  try {
    await dryRun("production", outdir);
    expect(await readdir(outdir)).toContain("index.js");
  } finally {
    await rm(outdir, { recursive: true });
  }
});
