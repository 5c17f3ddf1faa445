import { execFile } from "node:child_process";
import { access, chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NO_CONTACTS } from "../../src/domain/config/contacts.ts";
import type { Target } from "../../src/domain/config/environment.ts";
import { type ManualDocument, manualText, manualWay } from "../../src/domain/config/manual.ts";
import { holdCommand, uploadCommand } from "../../src/domain/ladder/proxy-only.ts";
import { DEFAULT_POLICY } from "../../src/domain/policy/numbers.ts";
import { parseConfig, parseStop } from "../../src/domain/state/documents.ts";
import { invocation, shellQuote } from "../../src/domain/text/invocation.ts";
import { HANG_MS } from "../support/patience.ts";
import { startServer, success, type TestServer } from "./server.ts";

const run = promisify(execFile);
const TARGET: Target = {
  env: "prod",
  accountId: "a".repeat(32),
  namespaceId: "b".repeat(32),
  worker: "pix-api",
  canaryTag: "B2a",
  normalPercent: 10,
  protected: true,
  qaUrls: ["https://api.pix.immo/api/qa"],
  configPath: null,
  apiBaseUrl: "https://api.cloudflare.com/client/v4",
  dataset: null,
  zone: null,
  legacyHosts: [],
  policy: DEFAULT_POLICY,
  ramps: {},
  rampMinNativeRequests: 200,
  pagesOrigin: null,
  contacts: NO_CONTACTS,
};
const HOSTILE = 'it\'s `id` $(id) "quoted" \\ \n $HOME !x';

let dir: string;
let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  dir = await mkdtemp(join(tmpdir(), "pixcanary-manual-"));
  const npx = join(dir, "npx");
  await writeFile(npx, '#!/bin/sh\necho "$CLOUDFLARE_ACCOUNT_ID"\nprintf "%s\\0" "$@"\n');
  await chmod(npx, 0o755);
});
afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

/** What a shell makes of the command, with a stand-in for npx that shows its arguments. */
async function words(command: string): Promise<{ account: string; argv: string[] }> {
  const env = { PATH: `${dir}${delimiter}${process.env.PATH}` };
  const { stdout } = await run("/bin/sh", ["-c", command], { cwd: dir, env, timeout: HANG_MS });
  const newline = stdout.indexOf("\n");
  return {
    account: stdout.slice(0, newline),
    argv: stdout
      .slice(newline + 1)
      .split("\0")
      .slice(0, -1),
  };
}

describe("the wrangler commands survive a shell and make documents that the Worker reads", () => {
  test.each([
    [{ key: "stop", active: true, reason: HOSTILE } as const, { active: true, reason: HOSTILE }],
    [{ key: "stop", active: false } as const, { active: false }],
  ])("%j", async (document, expected) => {
    const { account, argv } = await words(manualWay(TARGET, document).put);
    expect(account).toBe(TARGET.accountId);
    expect(argv.slice(0, -1)).toEqual([
      "wrangler",
      "kv",
      "key",
      "put",
      "--namespace-id",
      TARGET.namespaceId,
      "--remote",
      "stop",
    ]);
    const parsed = parseStop(argv.at(-1) ?? "");
    expect(parsed).toMatchObject({ kind: "valid", value: expected });
    expect(parsed.kind === "valid" && parsed.value.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test("a configuration", async () => {
    const { put, get } = manualWay(TARGET, { key: "config", percent: 2.5, emergency: true });
    const parsed = parseConfig((await words(put)).argv.at(-1) ?? "");
    expect(parsed).toMatchObject({
      kind: "valid",
      value: { canary_percent: 2.5, canary_tag: "B2a", emergency_proxy: true },
    });
    expect((await words(get)).argv.slice(1, 4)).toEqual(["kv", "key", "get"]);
  });
});

describe("foreign text in a command for pasting is a word of it, and runs nothing", () => {
  const version = "1;touch ran $(touch ran) `touch ran`";
  const path = "/$(touch ran);touch ran|`touch ran`'";
  const odd = { ...TARGET, apiBaseUrl: `http://127.0.0.1:9${path}` };
  test.each([
    ["the address of the API", manualWay(odd, { key: "stop", active: true }).get, "stop"],
    ["a version", holdCommand("pix-api", version, "2"), `${version}@100%`],
    ["a version to hold", holdCommand("pix-api", "1", version), `${version}@0%`],
    ["a Worker", uploadCommand(version), version],
    ["an environment", invocation({ env: version, configPath: null }, "status"), version],
  ])("%s", async (_, command, word) => {
    const { argv } = await words(command.replace(/^pixcanary/, "npx"));
    expect(argv).toContain(word);
    await expect(access(join(dir, "ran"))).rejects.toThrow("ENOENT");
  });
});

test("the curl form writes the same document, the token in no argument (AT-19)", async () => {
  server.reply(success({}));
  const document: ManualDocument = { key: "stop", active: true, reason: HOSTILE };
  const { curl } = manualWay({ ...TARGET, apiBaseUrl: `${server.url}/client/v4` }, document);
  const env = { PATH: process.env.PATH, CLOUDFLARE_API_TOKEN: "tok-123" };
  await run("/bin/sh", ["-c", curl], { env, timeout: HANG_MS });
  const [seen] = server.seen;
  expect(seen?.method).toBe("PUT");
  expect(seen?.url).toBe(
    `/client/v4/accounts/${TARGET.accountId}/storage/kv/namespaces/${TARGET.namespaceId}/values/stop`,
  );
  expect(seen?.headers.authorization).toBe("Bearer tok-123");
  expect(seen?.headers["content-type"]).toBe("application/octet-stream");
  expect(parseStop(seen?.body ?? "")).toMatchObject({ kind: "valid", value: { reason: HOSTILE } });
  const arguments_ = curl.slice(curl.indexOf("curl --config"));
  expect(arguments_).not.toContain("CLOUDFLARE_API_TOKEN");
});

test("the dashboard's document can be pasted, with the time when it is known", () => {
  const way = manualWay(TARGET, { key: "stop", active: true }, { now: "2025-11-15T10:31:02Z" });
  expect(parseStop(way.dashboard.at(-1) ?? "")).toEqual({
    kind: "valid",
    value: { active: true, at: "2025-11-15T10:31:02Z" },
  });
  expect(manualText(way)).toContain(TARGET.namespaceId);
  expect(manualText(way)).toContain("curl -si 'https://api.pix.immo/api/qa'");
});

test("quoting gives any text back", async () => {
  const text = fc.string({ unit: "binary" }).filter((value) => !value.includes("\0"));
  await fc.assert(
    fc.asyncProperty(text, async (value) => {
      const { stdout } = await run("/bin/sh", ["-c", `printf %s ${shellQuote(value)}`]);
      expect(stdout).toBe(value);
    }),
    { numRuns: 25 },
  );
});
