/** The real wrangler. */
import { join } from "node:path";
import type { SandboxDescription } from "../../src/sandbox/types.ts";
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

/** What it needs to speak to a sandbox's API, and to nothing else. */
export function wranglerEnv({
  apiBaseUrl,
  apiToken,
  accountId,
}: Pick<SandboxDescription, "apiBaseUrl" | "apiToken" | "accountId">): Record<string, string> {
  return {
    CLOUDFLARE_API_BASE_URL: apiBaseUrl,
    CLOUDFLARE_API_TOKEN: apiToken,
    CLOUDFLARE_ACCOUNT_ID: accountId,
    NODE_COMPILE_CACHE: WRANGLER_CACHE,
    WRANGLER_SEND_METRICS: "false",
    CI: "true",
  };
}
