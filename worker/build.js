/**
 * Makes the bundle that wrangler.jsonc deploys: `node worker/build.js [environment] [folder]`. Wrangler
 * runs it before each deployment, so that a clone never deploys an old one. A package brings the bundle
 * instead of its sources: there is nothing to make.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const [environment = "staging", folder = resolve(here, "../dist/worker")] = process.argv.slice(2);
// Wrangler, started below, runs this file once more.
const inside = process.env.PIXCANARY_WORKER_BUILD === "1";

if (!inside && existsSync(resolve(here, "index.ts"))) {
  // The page is a part of the bundle.
  spawnSync(process.execPath, [resolve(here, "../src/dashboard/build.js")], { stdio: "inherit" });
  const outdir = resolve(folder);
  const metafile = resolve(outdir, "bundle-meta.json");
  const words = ["deploy", "index.ts", "--bundle", "--dry-run", "--env", environment];
  const wrangler = resolve(here, "../node_modules/wrangler/bin/wrangler.js");
  const { status } = spawnSync(
    process.execPath,
    [wrangler, ...words, "--outdir", outdir, "--metafile", metafile],
    { cwd: here, stdio: "inherit", env: { ...process.env, PIXCANARY_WORKER_BUILD: "1" } },
  );
  process.exitCode = status ?? 1;
}
