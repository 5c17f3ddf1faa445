/** A sandbox with visitors, and a browser that looks at its dashboard. */
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import type { Sandbox, SandboxOptions } from "../../src/sandbox/index.ts";
import { startBrowser } from "../support/browser.ts";
import { HANG_MS, WORKER_PATIENCE } from "../support/patience.ts";
import { startSandbox } from "../support/sandbox.ts";
import { ensureBundle } from "../worker/bundle.ts";

export interface Stage {
  sandbox: Sandbox;
  browser: Browser;
  /** Of the first location. */
  base: string;
  close(): Promise<void>;
}

export async function startStage(options: SandboxOptions = {}): Promise<Stage> {
  await ensureBundle();
  const [sandbox, browser] = await Promise.all([
    startSandbox({
      locations: ["FRA", "AMS"],
      lagMs: { min: 0, max: 0 },
      percent: 50,
      rateLimits: false,
      logs: false,
      qaMetrics: true,
      patience: WORKER_PATIENCE,
      ...options,
    }),
    startBrowser(),
  ]);
  return {
    sandbox,
    browser,
    base: sandbox.description.locations[0]?.url ?? "",
    async close() {
      await browser.close();
      await sandbox.control.stopTraffic();
      await sandbox.close();
    },
  };
}

/** A browser of its own, not signed in. `clock`: its time can be moved. */
export async function openPage(
  { browser, base }: Stage,
  { clock = false, ...options }: BrowserContextOptions & { clock?: boolean } = {},
): Promise<{ context: BrowserContext; page: Page; errors: string[] }> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(HANG_MS);
  if (clock) await context.clock.install();
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (line) => {
    // Answers that are asked for: without a token, or at an altered address.
    const isRefusal = /status of 4\d\d/.test(line.text());
    if (line.type() === "error" && !isRefusal) errors.push(line.text());
  });
  await page.goto(`${base}/qa/dashboard`);
  return { context, page, errors };
}

/** Until the page that answers is there with its styles. */
export async function signIn(page: Page, token: string): Promise<void> {
  await page.fill("#token", token);
  await Promise.all([page.waitForEvent("load"), page.click("button[type=submit]")]);
}

/** Signed in, with the first answer shown. */
export async function openDashboard(
  stage: Stage,
  options: Parameters<typeof openPage>[1] = {},
): ReturnType<typeof openPage> {
  const opened = await openPage(stage, options);
  await signIn(opened.page, stage.sandbox.description.qaToken);
  await opened.page.waitForSelector("#banner h1");
  return opened;
}

/** The words of a panel: its facts, or why it has none. */
export function factsOf(page: Page, id: string): Promise<string[]> {
  return page.locator(`#${id} .facts p, #${id} > .problem:not([hidden])`).allTextContents();
}

/** The numbers behind a panel: rows of cells, the head first. */
export function numbersOf(page: Page, id: string): Promise<string[][]> {
  return page
    .locator(`#${id} .scroll tr`)
    .evaluateAll((rows) =>
      rows.map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
    );
}
