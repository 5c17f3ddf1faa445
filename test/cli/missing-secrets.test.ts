/** README's configuration on a new laptop: secrets that are not there yet, a wrong token, no network. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { PLAIN_ENV } from "../support/cli.ts";
import { runHere } from "../support/here.ts";

const CLOSED = "http://127.0.0.1:1";
let home = "";
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "pixcanary-new-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function configure(api: string, more: object): Promise<void> {
  const staging = {
    accountId: "a".repeat(32),
    namespaceId: "b".repeat(32),
    worker: "pix-api",
    apiBaseUrl: `${api}/client/v4`,
    qaUrls: [`${CLOSED}/qa`],
    canaryTag: "B2a",
    ...more,
  };
  await writeFile(join(home, "pixcanary.json"), JSON.stringify({ environments: { staging } }));
}

async function pixcanary(args: readonly string[], env: Record<string, string> = {}) {
  const options = { cwd: home, env: { ...PLAIN_ENV, HOME: home, ...env } };
  const { code, stdout, stderr } = await runHere([...args, "--timeout", "5"], options);
  return { code, said: `${stderr}\n${stdout}` };
}

const WITH_TOKEN = { CLOUDFLARE_API_TOKEN: "t".repeat(40) };

describe("a file of a secret that is not there", () => {
  const secrets = { tokenFile: "~/api", qaTokenFile: "~/qa", sessionFile: "~/session" };

  it("is a failing line of doctor, with what to do", async () => {
    await configure(CLOSED, secrets);
    const { code, said } = await pixcanary(["doctor"]);
    expect(code).toBe(23);
    for (const [name, file] of [
      ["token", "api"],
      ["/qa token", "qa"],
      ["session", "session"],
    ]) {
      const line = `✖ ${name?.padEnd(12)} .*cannot read the secret file ${home}/${file} .*\n.*chmod 600 ${home}/${file}`;
      expect(said).toMatch(new RegExp(line));
    }
  });

  it("is said by what only reads, which goes on", async () => {
    await configure(CLOSED, secrets);
    for (const words of ["status", "history", "ramp status", "assess", "explain"]) {
      const { code, said } = await pixcanary(words.split(" "));
      expect([words, code, said]).not.toEqual([words, 2, said]);
      expect(said).toContain("! continuing without the /qa token: cannot read");
    }
  });

  it("is nothing to the card, which needs no secret", async () => {
    await configure(CLOSED, secrets);
    const { code, said } = await pixcanary(["card"]);
    expect([code, said]).toEqual([0, expect.not.stringContaining("secret")]);
  });

  it("ends what adds exposure, and what it was named for on the command line", async () => {
    await configure(CLOSED, secrets);
    const restore = await pixcanary(["restore", "--reason", "x", "--yes"], WITH_TOKEN);
    expect([restore.code, restore.said]).toEqual([2, expect.stringContaining(`${home}/qa`)]);
    const named = await pixcanary(["status", "--qa-token-file", join(home, "other")]);
    expect([named.code, named.said]).toEqual([2, expect.stringContaining(`${home}/other`)]);
  });
});

it("without a network doctor says so, and sends nobody to make a new token", async () => {
  await configure(CLOSED, {});
  const { code, said } = await pixcanary(["doctor"], WITH_TOKEN);
  expect(code).toBe(20);
  expect(said).toMatch(/✖ network +no network: neither the API nor any \/qa could be reached/);
  expect(said).not.toContain("create a token");
  expect(said).toContain("→ next: check this machine's network, then run doctor again");
});

it("a token of no known form is not accepted, whatever number the API gives that", async () => {
  const body = { success: false, errors: [{ code: 6003, message: "Invalid request headers" }] };
  const server = createServer((_, response) => {
    response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = z.object({ port: z.number() }).parse(server.address());
    await configure(`http://127.0.0.1:${port}`, {});
    const { code, said } = await pixcanary(["doctor"], WITH_TOKEN);
    expect(code).toBe(23);
    expect(said).toMatch(/✖ token +.*the token is not accepted/);
    expect(said).toMatch(/fix: new token: Workers KV Storage: Edit/);
    expect(said).not.toMatch(/6003|Invalid request headers|no network/);
  } finally {
    server.close();
  }
});
