/** Who may look at the dashboard, in a real browser and over HTTP, and what he gets. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, NEEDS_BROWSER } from "../support/browser.ts";
import { openPage, type Stage, signIn, startStage } from "./stage.ts";

const AUDIENCE = "the-application";
let stage: Stage;
let keys: Server;
let team = "";
let sign: (change?: { audience?: string; issuer?: string; endsS?: number }) => Promise<string>;

beforeAll(async () => {
  if (CHROMIUM === null) return;
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "RS256" };
  keys = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => keys.listen(0, "127.0.0.1", resolve));
  team = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`;
  sign = ({ audience = AUDIENCE, issuer = team, endsS = 600 } = {}) =>
    new SignJWT({ email: "oncall@pix.immo" })
      .setProtectedHeader({ alg: "RS256", kid: "k1" })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime(Math.floor(Date.now() / 1_000) + endsS)
      .sign(privateKey);
  // Ten refusals a minute are a location's limit: each test has a location of its own.
  const locations = ["FRA", "AMS", "IAD", "SIN", "SYD"];
  stage = await startStage({ locations, vars: { ACCESS_TEAM_URL: team, ACCESS_AUD: AUDIENCE } });
});
afterAll(async () => {
  await stage?.close();
  keys?.close();
});

const at = (colo: string): string =>
  stage.sandbox.description.locations.find((one) => one.colo === colo)?.url ?? "";
const data = (base: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${base}/qa/dashboard/data`, { headers, redirect: "manual" });

describe.skipIf(CHROMIUM === null)(`in the browser${NEEDS_BROWSER}`, () => {
  test("asks for the token; a wrong one is refused in words, and gets no cookie", async () => {
    const { context, page } = await openPage(stage);
    expect(await page.textContent("label")).toContain("PIXCANARY_QA_TOKEN");
    await signIn(page, "x".repeat(40));
    expect(await page.textContent(".problem")).toContain("not the token");
    expect(await context.cookies()).toEqual([]);
    await context.close();
  });

  test("range and panel of a link outlive the sign-in, also after a wrong token", async () => {
    const { context, page, errors } = await openPage({ ...stage, base: at("AMS") });
    await page.goto(`${at("AMS")}/qa/dashboard?range=24h#latency`);
    await signIn(page, "x".repeat(40));
    expect(await page.textContent(".problem")).toContain("not the token");
    expect(await page.evaluate("getComputedStyle(document.querySelector('form')).display")).toBe(
      "grid",
    );
    await signIn(page, stage.sandbox.description.qaToken);
    await page.waitForSelector("#banner h1");
    expect(page.url()).toBe(`${at("AMS")}/qa/dashboard?range=24h#latency`);
    expect(errors).toEqual([]);
    await context.close();
  });

  test("who follows another site's link is offered to open it with his cookie", async () => {
    const { context, page } = await openPage({ ...stage, base: at("IAD") });
    await signIn(page, stage.sandbox.description.qaToken);
    await page.waitForSelector("#banner h1");
    // Another site for the browser: cookies know no ports, but names.
    await page.goto(`${team.replace("127.0.0.1", "localhost")}/`);
    await page.evaluate(`location.href = ${JSON.stringify(`${at("IAD")}/qa/dashboard?range=24h`)}`);
    await page.click("text=Open the dashboard");
    await page.waitForSelector("#banner h1");
    expect(page.url()).toBe(`${at("IAD")}/qa/dashboard?range=24h`);
    await context.close();
  });

  test("the right one is changed for a cookie that no script and no other site can use", async () => {
    const { context, page, errors } = await openPage(stage);
    await signIn(page, stage.sandbox.description.qaToken);
    await page.waitForSelector("#banner h1");
    const cookies = (await context.cookies()).filter(({ name }) => name.includes("dashboard"));
    expect(cookies).toMatchObject([
      { name: "__Host-pix-dashboard", httpOnly: true, secure: true, sameSite: "Strict", path: "/" },
    ]);
    const lifeS = (cookies[0]?.expires ?? 0) - Date.now() / 1_000;
    expect(lifeS).toBeLessThanOrEqual(3_600);
    expect(page.url()).toBe(`${stage.base}/qa/dashboard`);
    expect(await page.evaluate("document.cookie")).not.toContain("dashboard");
    expect(errors).toEqual([]);
    await page.click("text=Sign out");
    await page.waitForSelector("#token");
    expect((await context.cookies()).filter(({ name }) => name.includes("dashboard"))).toEqual([]);
    await context.close();
  });
});

describe.skipIf(CHROMIUM === null)(`over HTTP${NEEDS_BROWSER}`, () => {
  const form = (base: string, token: string, origin: string | null) =>
    fetch(`${base}/qa/dashboard`, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        ...(origin === null ? {} : { origin }),
      },
      body: new URLSearchParams({ token }),
      redirect: "manual",
    });
  const cookieOf = (response: Response): string =>
    (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";

  test("data are refused without a cookie, with one of another token, changed, or over", async () => {
    const base = at("AMS");
    const cookie = cookieOf(await form(base, stage.sandbox.description.qaToken, base));
    expect((await data(base, { cookie })).status).toBe(200);
    const [name, value = ""] = cookie.split("=");
    const [v, endS, signature = ""] = value.split(".");
    const forged = [
      "",
      `${name}=`,
      `${name}=${v}.${Number(endS) + 1}.${signature}`,
      `${name}=${v}.${Number(endS) - 3_600}.${signature}`,
      `${name}=${v}.${endS}.${signature.slice(0, -1)}${signature.endsWith("A") ? "E" : "A"}`,
      `pix-dashboard=${value}`,
      `${name}=${"x".repeat(5_000)}`,
    ];
    for (const other of forged)
      expect([other, (await data(base, { cookie: other })).status]).toEqual([other, 401]);
  });

  test("signs nobody in from another page, without an origin, or by a long form", async () => {
    const { qaToken } = stage.sandbox.description;
    const base = at("SYD");
    expect((await form(base, qaToken, "https://evil.example")).status).toBe(403);
    expect((await form(base, qaToken, null)).status).toBe(403);
    const long = await form(base, `${qaToken}${" ".repeat(5_000)}`, base);
    expect([long.status, long.headers.get("set-cookie")]).toEqual([401, null]);
  });

  test("every answer is for this viewer alone, and runs nothing but our own file", async () => {
    const base = at("IAD");
    for (const path of ["", "/data", "/app.js", "/app.css", "/nothing"]) {
      const { headers, status } = await fetch(`${base}/qa/dashboard${path}`);
      expect([path, status < 500]).toEqual([path, true]);
      expect(headers.get("cache-control")).toBe("no-store");
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("require-trusted-types-for 'script'");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      expect(headers.get("x-pix-canary")).toBeNull();
    }
    expect((await data(base)).status).toBe(401);
    expect((await fetch(`${base}/qa/dashboard/data`, { method: "POST" })).status).toBe(405);
  });

  test("a script with the token in its header is let in; the answer is the same below /api", async () => {
    const authorization = `Bearer ${stage.sandbox.description.qaToken}`;
    expect(await (await data(stage.base, { authorization })).json()).toMatchObject({ schema: 1 });
    const other = await fetch(`${stage.base}/api/qa/dashboard/data`, {
      headers: { authorization },
    });
    expect(other.status).toBe(200);
    const range = await fetch(`${stage.base}/qa/dashboard/data?range=2h`, {
      headers: { authorization },
    });
    expect([range.status, await range.json()]).toEqual([400, { error: "unknown range" }]);
  });

  test("Access lets in whom it vouches for: this team, this application, not over", async () => {
    const assertion = "cf-access-jwt-assertion";
    expect((await data(at("SIN"), { [assertion]: await sign() })).status).toBe(200);
    const [head = "", body = ""] = (await sign()).split(".");
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`;
    const refused = {
      "another application": await sign({ audience: "other" }),
      "another team": await sign({ issuer: "https://other.cloudflareaccess.com" }),
      "long over": await sign({ endsS: -3_600 }),
      unsigned: none,
      "another signature": `${head}.${body}.${"A".repeat(342)}`,
      nonsense: "x.y.z",
    };
    for (const [what, jwt] of Object.entries(refused)) {
      expect([what, (await data(at("SIN"), { [assertion]: jwt })).status]).toEqual([what, 401]);
    }
  });
});
