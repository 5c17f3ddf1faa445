/** `dashboard --local`: the same page from this machine, for one browser of this machine. */
import { once } from "node:events";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, NEEDS_BROWSER } from "../support/browser.ts";
import type { CliResult } from "../support/cli.ts";
import { runHere } from "../support/here.ts";
import { factsOf, type Stage, startStage } from "./stage.ts";

let stage: Stage;
const over = new AbortController();
let ended: Promise<CliResult>;
let address = "";

beforeAll(async () => {
  if (CHROMIUM === null) return;
  stage = await startStage();
  await stage.sandbox.control.startTraffic({ visitors: 10, ratePerS: 40 });
  const words = ["dashboard", "--local", "--print", "--json"];
  const { promise: said, resolve } = Promise.withResolvers<string>();
  ended = runHere([...words, "--config", stage.sandbox.description.configPath], {
    interrupt: over.signal,
    onOut: (line) => resolve(JSON.parse(line).address),
  });
  address = await Promise.race([said, ended.then(({ stderr }) => `ended: ${stderr}`)]);
  await stage.sandbox.control.stopTraffic();
});
afterAll(async () => {
  over.abort("SIGINT");
  await stage?.close();
});

interface Got {
  status: number;
  body: string;
  cookie: string;
}

/** As any other program of this machine asks. */
async function get(
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<Got> {
  const asking = request(new URL(path, address), { method, headers }).end();
  const [answer] = await once(asking, "response");
  let body = "";
  for await (const chunk of answer) body += chunk;
  const cookie = String(answer.headers["set-cookie"]?.[0] ?? "").split(";")[0] ?? "";
  return { status: answer.statusCode, body, cookie };
}

describe.skipIf(CHROMIUM === null)(`the local dashboard${NEEDS_BROWSER}`, () => {
  test("shows what the Worker's shows, to the one browser that its address lets in", async () => {
    const page = await stage.browser.newPage();
    await page.goto(address);
    await page.waitForSelector("#banner h1");
    expect(page.url()).toMatch(/\/qa\/dashboard$/);
    expect(await page.textContent("#banner h1")).toContain("NORMAL");
    expect(await page.textContent("#place")).toContain("as seen from this machine");
    expect(await page.textContent("#smoke")).toContain("pixcanary verify --smoke");
    expect(await page.isVisible("#sign-out")).toBe(false);
    const headers = { authorization: `Bearer ${stage.sandbox.description.qaToken}` };
    const answer = await fetch(`${stage.base}/qa/dashboard/data`, { headers });
    const worker = (await answer.json()) as {
      figures: { requests: { data: { native: number; proxy: number } } };
    };
    const { native, proxy } = worker.figures.requests.data;
    const [requests] = await factsOf(page, "requests");
    expect(requests).toContain(`native ${native} · proxy ${proxy}`);
    expect((await get(address)).status).toBe(401);
  });

  test("lets nobody else in: no cookie, another host, another method", async () => {
    expect((await get("/qa/dashboard")).status).toBe(401);
    expect((await get("/qa/dashboard/data")).status).toBe(401);
    expect((await get("/qa/dashboard/app.js")).status).toBe(401);
    expect((await get("/qa/dashboard?start=guessed")).status).toBe(401);
    const cookie = `pixcanary-${new URL(address).port}=x`;
    expect((await get("/qa/dashboard/data", { cookie })).status).toBe(401);
    expect((await get("/qa/dashboard", { host: "evil.example" })).status).toBe(404);
    expect((await get("/qa/dashboard", {}, "POST")).status).toBe(405);
    expect((await get("/etc/passwd")).status).toBe(404);
  });

  test("answers a request line that is no address, and goes on", async () => {
    for (const path of ["//", "///", "*", "http://[/qa/dashboard"]) {
      const asking = request({ port: new URL(address).port, host: "127.0.0.1", path }).end();
      const [answer] = await once(asking, "response");
      answer.resume();
      expect([path, answer.statusCode]).toEqual([path, 404]);
    }
    expect((await get("/qa/dashboard")).status).toBe(401);
  });

  test("ends with Ctrl-C, and says what is true", async () => {
    over.abort("SIGINT");
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    const [, last = ""] = stdout.trim().split("\n");
    expect(JSON.parse(last)).toMatchObject({ command: "dashboard", truth: "nothing was changed" });
    await expect(get("/qa/dashboard")).rejects.toThrow();
  });
});
