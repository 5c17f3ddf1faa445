/** What `pixcanary sandbox --empty` says to type, in an empty folder, leads to a `doctor` that passes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureCli, NODE, PLAIN_ENV, PROGRAM, ROOT } from "../support/cli.ts";
import { AMPLE_S, HANG_MS } from "../support/patience.ts";
import { WRANGLER } from "../support/wrangler.ts";
import { ensureBundle } from "../worker/bundle.ts";

let dir = "";
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  dir = await mkdtemp(join(tmpdir(), "pixcanary-typed-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Its commands, as printed. */
async function started(sandbox: ReturnType<typeof spawn>): Promise<string[]> {
  let said = "";
  for await (const chunk of sandbox.stdout ?? []) {
    said += String(chunk);
    const commands = said.split("an empty folder:\n")[1]?.split("\n") ?? [];
    if (commands.some((line) => line.trim() === "pixcanary doctor")) return commands;
  }
  throw new Error(`the sandbox has ended:\n${said}`);
}

/** The Worker waits 250 ms for KV as it does for visitors, which a busy machine may not make at first. */
const DOCTOR = `for look in 1 2 3 4 5; do pixcanary doctor --timeout ${AMPLE_S} && break; done`;

test("setup, wrangler deploy, secrets, doctor", async () => {
  const env = { ...PLAIN_ENV, HOME: dir, XDG_STATE_HOME: join(dir, "state"), CI: "true" };
  const words = [PROGRAM, "sandbox", "--empty", "--lag", "0", "--locations", "FRA"];
  const sandbox = spawn(NODE, words, { env, cwd: dir, stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(sandbox, "close");
  try {
    const commands = await started(sandbox);
    const shim = `pixcanary() { "${NODE}" "${PROGRAM}" "$@"; }
      npx() { [ "$1 $2 $3" = "--prefix ${ROOT.replace(/\/$/, "")} wrangler" ]; shift 3; "${WRANGLER.join('" "')}" "$@"; }`;
    const typed = commands
      .join("\n")
      .replace("pixcanary setup", "pixcanary setup --yes")
      .replace(/pixcanary doctor$/m, DOCTOR);
    const { stdout, exitCode } = await execa("bash", ["-ec", `${shim}\n${typed}`], {
      cwd: dir,
      env,
      extendEnv: false,
      timeout: HANG_MS,
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain("✔ setup: done");
    expect(stdout).toContain("3 secrets successfully created");
    expect(stdout).toMatch(/✔ \/qa FRA +answers, state from KV/);
  } finally {
    sandbox.kill("SIGINT");
    await ended;
  }
});
