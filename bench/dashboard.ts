/** What the dashboard weighs, how soon its first chart is drawn, and what its viewers cost. */
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { type Sandbox, startSandbox } from "../src/sandbox/index.ts";
import { CHROMIUM, startBrowser } from "../test/support/browser.ts";
import { type Goal, median, spread } from "./statistics.ts";

const ROUNDS = 7;
const REFRESH_MS = 10_000;
/** Long enough for two rounds of each kept answer at the range of an hour. */
const COUNTED_MS = 60_000;
const MANY = 50;

export async function benchDashboard(): Promise<Goal[]> {
  const sandbox = await startSandbox({
    lagMs: { min: 0, max: 0 },
    qaMetrics: true,
    rateLimits: false,
    logs: false,
  });
  try {
    await sandbox.control.startTraffic({ visitors: 20, ratePerS: 20 });
    return [
      await weigh(sandbox),
      ...(CHROMIUM === null ? [] : [await firstChart(sandbox)]),
      await viewers(sandbox),
    ];
  } finally {
    await sandbox.control.stopTraffic();
    await sandbox.close();
  }
}

const base = ({ description }: Sandbox): string =>
  `${description.locations[0]?.url ?? ""}/qa/dashboard`;

function asViewer({ description }: Sandbox, url: string): Promise<Response> {
  return fetch(url, { headers: { authorization: `Bearer ${description.qaToken}` } });
}

/** As the edge sends them: compressed. */
async function weigh(sandbox: Sandbox): Promise<Goal> {
  let page = 0;
  for (const part of ["", "/app.js", "/app.css", "/data"]) {
    const body = await (await asViewer(sandbox, base(sandbox) + part)).text();
    const packed = gzipSync(body).length;
    console.log(
      `  ${(part === "" ? "document" : part).padEnd(26)} ${packed} of ${body.length} bytes`,
    );
    if (part !== "/data") page += packed;
  }
  return { what: "dashboard, page (kB, gzip)", value: page / 1_000, reach: { most: 100 } };
}

/** From the request for the page to the first chart, beside the same for an empty page of this Worker. */
async function firstChart(sandbox: Sandbox): Promise<Goal> {
  const browser = await startBrowser();
  try {
    const took: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) took.push(await openOnce(browser, sandbox));
    console.log(`  ${"first chart".padEnd(26)} ${spread(took, "ms")}`);
    return { what: "dashboard, first chart (s)", value: median(took) / 1_000, reach: { most: 2 } };
  } finally {
    await browser.close();
  }
}

async function openOnce(browser: Browser, sandbox: Sandbox): Promise<number> {
  const context = await browser.newContext({
    extraHTTPHeaders: { authorization: `Bearer ${sandbox.description.qaToken}` },
  });
  const page = await context.newPage();
  await page.goto(base(sandbox), { waitUntil: "commit" });
  await page.waitForSelector("canvas");
  const ms = await page.evaluate("performance.now()");
  await context.close();
  return Number(ms);
}

/** Questions to the metrics per minute, with one viewer and with many, at the range of an hour. */
async function viewers(sandbox: Sandbox): Promise<Goal> {
  const asked = (): number =>
    sandbox.control.requests().filter(({ path }) => path.includes("analytics_engine")).length;
  const count = async (number: number): Promise<number> => {
    const before = asked();
    const untilMs = performance.now() + COUNTED_MS;
    while (performance.now() < untilMs) {
      await Promise.all(
        Array.from({ length: number }, async () => {
          await sleep(Math.random() * REFRESH_MS);
          await (await asViewer(sandbox, `${base(sandbox)}/data?range=1h`)).text();
        }),
      );
    }
    return ((asked() - before) * 60_000) / COUNTED_MS;
  };
  const one = await count(1);
  const many = await count(MANY);
  console.log(`  ${"questions per minute".padEnd(26)} ${one} with 1 viewer, ${many} with ${MANY}`);
  return {
    what: "dashboard, questions of 50 viewers / of 1",
    value: many / one,
    reach: { most: 2 },
  };
}
