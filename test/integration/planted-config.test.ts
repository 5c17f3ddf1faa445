/** A configuration that somebody planted gets no token, and one that names new hosts must be allowed to. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import * as z from "zod";
import { ensureCli, PLAIN_ENV, runCli } from "../support/cli.ts";
import { runHere } from "../support/here.ts";

const TOKENS = { CLOUDFLARE_API_TOKEN: "api-planted", PIXCANARY_QA_TOKEN: "qa-planted" };
/** Nobody listens there, and it is not loopback by name. */
const STRANGE = "https://0.0.0.0:1/qa";

let server: Server;
let url = "";
let seen: string[] = [];
let home = "";
let folder = "";
beforeAll(async () => {
  await ensureCli();
  server = createServer((request, response) => {
    seen.push(request.headers.authorization ?? "");
    response.writeHead(403).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = z.object({ port: z.number() }).parse(server.address());
  url = `http://127.0.0.1:${port}`;
});
afterAll(() => void server?.close());
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "pixcanary-home-"));
  folder = join(home, "work");
  await mkdir(folder);
  seen = [];
  return () => rm(home, { recursive: true, force: true });
});

async function place(qaUrls: readonly string[], mode = 0o644, more: object = {}): Promise<string> {
  const path = join(folder, "pixcanary.json");
  const environment = {
    accountId: "a".repeat(32),
    namespaceId: "b".repeat(32),
    worker: "w",
    apiBaseUrl: `${url}/client/v4`,
    qaUrls,
    canaryTag: "B2a",
    ...more,
  };
  await writeFile(path, JSON.stringify({ environments: { staging: environment } }));
  await chmod(path, mode);
  return path;
}
const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runHere([...args, "--timeout", "2"], {
    cwd: folder,
    env: { ...PLAIN_ENV, ...TOKENS, HOME: home, ...env },
  });

describe("a file that others can write", () => {
  test.each(["status", "doctor", "not-aus", "reduce", "disable", "history", "card"])(
    "%s sends nothing by it and says what to do",
    async (verb) => {
      const path = await place([`${url}/qa`], 0o666);
      const { code, stderr } = await run([verb]);
      expect(code).toBe(2);
      expect(stderr).toMatch(/✖ found .* and did not read it: others can write to .*\(mode 0666\)/);
      expect(stderr).toContain(`--config ${path}`);
      expect(seen).toEqual([]);
      const relief = ["not-aus", "reduce", "disable"].includes(verb);
      expect(stderr.includes("To stop by hand")).toBe(relief);
      expect(stderr).not.toContain("a".repeat(32));
    },
  );

  test.each(["not-aus", "status"])(
    "ends %s, which then names the operator's own one, whose Worker may be another",
    async (verb) => {
      const planted = await place([`${url}/qa`], 0o666);
      folder = join(home, ".config/pixcanary");
      await mkdir(folder, { recursive: true });
      const own = await place([`${url}/qa`], 0o600);
      folder = join(home, "work");
      const { code, stderr } = await run([verb]);
      expect([code, seen]).toEqual([2, []]);
      expect(stderr).toContain(`--config ${own}`);
      expect(stderr).not.toContain(`--config ${planted}`);
    },
  );

  test("gets the tokens when it is named: what was refused is where it was found", async () => {
    const path = await place([`${url}/qa`], 0o666);
    await run(["status", "--config", path]);
    expect(seen).toEqual(expect.arrayContaining(["Bearer api-planted", "Bearer qa-planted"]));
  });
});

describe("a host that is not allowed", () => {
  test.each(["history", "assess", "logs pull --since 1h"])(
    "is nothing to %s, which asks no /qa",
    async (words) => {
      await place([STRANGE], 0o644, { logsBucket: "logs" });
      const ended = await run(words.split(" "));
      expect(ended.stderr).not.toContain("allowed hosts");
      expect(seen).toContain("Bearer api-planted");
      expect(seen).not.toContain("Bearer qa-planted");
    },
  );
  test("is refused with the line that allows it, which works as shown", async () => {
    await place([STRANGE]);
    const refused = await run(["status"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /✖ not in your allowed hosts, so the \/qa token is not sent: 0\.0\.0\.0$/m,
    );
    expect(seen).toEqual([]);
    const line = /try: (.*)$/m.exec(refused.stderr)?.[1] ?? "";
    await execa("sh", ["-c", line], { cwd: "/" });
    expect((await run(["status"])).stderr).not.toContain("allowed hosts");
    expect(seen).toContain("Bearer api-planted");
    // The list counts for nothing when others can write to it.
    await chmod(join(home, ".config/pixcanary/allowed-hosts"), 0o666);
    const again = await run(["status"]);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/allowed-hosts was ignored: others can write/);
  });

  test.each([
    ["an option", ["--allow-host", "0.0.0.0"], {}],
    ["the environment", [], { PIXCANARY_ALLOWED_HOSTS: "x.example 0.0.0.0" }],
  ])("is allowed by %s", async (_what, words, env) => {
    await place([STRANGE]);
    await run(["status", ...words], env);
    expect(seen).toContain("Bearer api-planted");
  });

  test("keeps no stop from being written, and card from being printed", async () => {
    await place([STRANGE]);
    const stop = await run(["not-aus"]);
    expect(stop.stderr).toContain("continuing without the /qa token: not in your allowed hosts");
    expect(seen).toContain("Bearer api-planted");
    expect((await run(["card"])).code).toBe(0);
  });

  test("is named by doctor, with every other that gets a token", async () => {
    const webhook = { notify: { webhook: { url: "https://hook.example/x" }, pagerduty: {} } };
    await place([STRANGE, `${url}/qa`], 0o644, webhook);
    const { stdout, stderr } = await run(["doctor"], { PIXCANARY_SESSION: "sid=planted" });
    expect(stdout + stderr).toContain(
      "✖ token hosts  API token → 127.0.0.1 · /qa token → 0.0.0.0 (not sent) · /qa token → 127.0.0.1 · " +
        "session → 0.0.0.0 (not sent) · session → 127.0.0.1 · " +
        "webhook token → hook.example (not sent) · PagerDuty key → events.pagerduty.com",
    );
    expect(stdout + stderr).toContain("printf '%s\\n' 0.0.0.0 hook.example >>");
  });

  test("gets no webhook token", async () => {
    await place([`${url}/qa`], 0o644, { notify: { webhook: { url: "https://0.0.0.0:1/hook" } } });
    const { stdout, stderr } = await run(["doctor", "--notify"], {
      PIXCANARY_WEBHOOK_TOKEN: "hook-planted",
    });
    expect(stdout + stderr).toMatch(/so the webhook's token is not sent: 0\.0\.0\.0/);
  });

  test("needs no allowing where it stands in your own folder's configuration", async () => {
    const own = join(home, "xdg/pixcanary");
    await mkdir(own, { recursive: true });
    folder = own;
    const path = await place([STRANGE], 0o666);
    const xdg = { XDG_CONFIG_HOME: join(home, "xdg") };
    expect((await run(["status", "--config", path], xdg)).code).toBe(2);
    await chmod(path, 0o644);
    expect((await run(["status"], xdg)).code).not.toBe(2);
    expect(seen).toContain("Bearer api-planted");
  });
});

describe.skipIf(process.geteuid?.() !== 0 || !existsSync("/usr/bin/setpriv"))(
  "for the user daemon",
  () => {
    // The group 1 has no other member; the group 2 is somebody else's.
    test.each([
      [1, 0],
      [2, 2],
    ])("what the group %i can write ends with exit %i", async (group, code) => {
      const path = await place([`${url}/qa`], 0o664);
      await Promise.all([home, folder].map((one) => chown(one, 1, 1)));
      await chmod(folder, 0o775);
      await chown(path, 1, group);
      const ended = await runCli(["card"], {
        cwd: folder,
        env: { ...PLAIN_ENV, HOME: home },
        wrap: (words) => ["setpriv", "--reuid=1", "--regid=1", "--clear-groups", ...words],
      });
      expect([ended.code, ended.stderr]).toEqual([code, expect.any(String)]);
    });
  },
);

test("compiled code is cached in a folder of your own, never in that of all", async () => {
  const shared = join(home, "tmp");
  await mkdir(shared);
  await runCli(["--help"], { env: { ...PLAIN_ENV, HOME: home, TMPDIR: shared } });
  expect(await readdir(shared)).toEqual([]);
  expect(await readdir(join(home, ".cache"))).toEqual(["pixcanary"]);
});
