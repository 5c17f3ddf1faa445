/** The real wrangler. */
import { join } from "node:path";
import { NODE, ROOT } from "./cli.ts";

/**
 * The words that run it: what its own start program runs once it has looked at Node's version, which
 * costs a process more.
 */
export const WRANGLER: readonly [string, ...string[]] = [
  NODE,
  "--no-warnings",
  join(ROOT, "node_modules/wrangler/wrangler-dist/cli.js"),
];

/** Shared by all its runs: it is several megabytes of code. */
export const WRANGLER_CACHE = join(ROOT, "node_modules/.cache/wrangler");
