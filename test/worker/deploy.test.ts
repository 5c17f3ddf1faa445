import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dryRun } from "./bundle.ts";

test.each(["staging", "production"])(
  "wrangler deploy --dry-run accepts %s",
  async (environment) => {
    const outdir = await mkdtemp(join(tmpdir(), "pix-bundle-"));
    try {
      await dryRun(environment, outdir);
      expect(await readdir(outdir)).toContain("index.js");
    } finally {
      await rm(outdir, { recursive: true });
    }
  },
);
