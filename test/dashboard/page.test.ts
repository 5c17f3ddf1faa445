/** What the dashboard shows, looked at in a real browser: the sandbox's own numbers, its state, and nothing else. */
import AxeBuilder from "axe-core";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { BLOBS, DOUBLES } from "../../src/domain/metrics/point.ts";
import { CHROMIUM, NEEDS_BROWSER } from "../support/browser.ts";
import { runHere } from "../support/here.ts";
import { AMPLE_S, PATIENCE } from "../support/patience.ts";
import { factsOf, numbersOf, openDashboard, type Stage, startStage } from "./stage.ts";

let stage: Stage;
let context: BrowserContext;
let page: Page;
let errors: string[];

beforeAll(async () => {
  if (CHROMIUM === null) return;
  stage = await startStage();
  const { control } = stage.sandbox;
  await control.startTraffic({ visitors: 20, ratePerS: 40 });
  control.setNative({ errorShare: 0.2 });
  await vi.waitUntil(() => seen().filter(({ status }) => status >= 500).length > 5, PATIENCE);
  await control.stopTraffic();
  control.setNative({ errorShare: 0 });
  ({ context, page, errors } = await openDashboard(stage));
});
afterAll(() => stage?.close());

const withConfig = (words: readonly string[]): string[] => [
  ...words,
  "--config",
  stage.sandbox.description.configPath,
];
const pixcanary = (...words: string[]) => runHere([...withConfig(words), "--timeout", AMPLE_S]);
const pixcanaryUntil = (interrupt: AbortSignal, ...words: string[]) =>
  runHere(withConfig(words), { interrupt });

interface Seen {
  cohort: string;
  phase: string;
  route: string;
  status: number;
  ms: number;
}

/** Requests of visitors that were answered, as the Workers wrote them. */
function seen(): Seen[] {
  return stage.sandbox.control
    .points()
    .map(({ blobs, doubles }) => {
      const blob = (name: (typeof BLOBS)[number]) => blobs[BLOBS.indexOf(name)] ?? "";
      const double = (name: (typeof DOUBLES)[number]) => doubles[DOUBLES.indexOf(name)] ?? 0;
      return {
        kind: blob("kind"),
        cohort: blob("cohort"),
        phase: blob("phase"),
        route: blob("route"),
        status: double("status"),
        ms: double("duration_ms"),
      };
    })
    .filter(({ kind, route, status }) => kind === "request" && route !== "/qa" && status !== 499);
}

const of = (cohort: string): Seen[] => seen().filter((one) => one.cohort === cohort);
const errorsIn = (list: readonly Seen[]): Seen[] => list.filter(({ status }) => status >= 500);
const percent = (part: number, all: number): string => {
  const value = (100 * part) / all;
  return `${Number(value.toFixed(value < 10 ? 2 : 1))} %`;
};

/** Until the page shows it. It asks every ten seconds, and at once when somebody comes back to it. */
async function shown(place: string, holds: (text: string) => boolean): Promise<void> {
  const looked = async (): Promise<boolean> => {
    if (holds((await page.textContent(place)) ?? "")) return true;
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    return false;
  };
  await vi.waitUntil(looked, { ...PATIENCE, interval: 500 });
}

const inTimeline = (text: string): Promise<void> =>
  shown("#timeline .scroll table", (changes) => changes.includes(text));
const inBanner = (text: string): Promise<void> =>
  shown("#banner", (banner) => banner.includes(text));

/** Of a column of numbers that is a sum over time. */
const sumOf = (rows: readonly string[][], column: string): number => {
  const at = rows[0]?.indexOf(column) ?? -1;
  return rows.slice(1).reduce((sum, row) => sum + Number((row[at] ?? "0").replaceAll(",", "")), 0);
};

describe.skipIf(CHROMIUM === null)(`the dashboard${NEEDS_BROWSER}`, () => {
  test("requests, error rates, histogram and error groups are those of the visitors", async () => {
    const [native, proxy] = [of("native"), of("proxy")];
    const all = native.length + proxy.length;
    expect(await factsOf(page, "requests")).toEqual([
      `native ${native.length} · proxy ${proxy.length} · native has ${percent(native.length, all)}`,
    ]);
    // Of minutes that are over, as the newest counts by the time that it has had.
    const [head = [], , ...over] = await numbersOf(page, "requests");
    for (const [column, list] of [
      ["native per min", native],
      ["proxy per min", proxy],
    ] as const) {
      expect(sumOf([head, ...over], column)).toBeLessThanOrEqual(list.length);
    }

    const named = { b1a: "b1a", b1b: "b1b", proxy: "other routes" };
    const rates = Object.entries(named).flatMap(([phase, name]) =>
      [native, proxy].flatMap((list) => {
        const own = list.filter((one) => one.phase === phase);
        const wrong = errorsIn(own).length;
        const cohort = own[0]?.cohort ?? "";
        const requests = own.length === 1 ? "request" : "requests";
        return own.length === 0
          ? []
          : [
              `${cohort} ${name}: ${percent(wrong, own.length)}, ${wrong} of ${own.length} ${requests}`,
            ];
      }),
    );
    expect((await factsOf(page, "errors")).toSorted()).toEqual(rates.toSorted());

    const bins = (await numbersOf(page, "histogram")).slice(1);
    const within = ([took = ""]: string[], { ms }: Seen): boolean => {
      const [from = 0, to = Number.POSITIVE_INFINITY] = (took.match(/\d+/g) ?? []).map(Number);
      return ms >= from && ms < to;
    };
    for (const bin of bins) {
      const share = (list: Seen[]) =>
        percent(list.filter((one) => within(bin, one)).length, list.length);
      expect(bin).toEqual([bin[0], share(native), share(proxy)]);
    }

    const groups = (await numbersOf(page, "error-groups")).slice(1);
    const counts = groups.map(([route, cohort, status, count]) => [route, cohort, status, count]);
    for (const [route = "", cohort, status, count] of counts) {
      const own = errorsIn(seen()).filter(
        (one) => one.route === route && one.cohort === cohort && String(one.status) === status,
      );
      expect(Number(count)).toBe(own.length);
    }
    expect(counts.reduce((sum, [, , , count]) => sum + Number(count), 0)).toBe(
      errorsIn(seen()).length,
    );
  });

  test("latency is that of the slowest tenth; share, failures, orphans and backends are said", async () => {
    const rows = await numbersOf(page, "latency");
    for (const cohort of ["native", "proxy"]) {
      const at = rows[0]?.indexOf(`${cohort} p90`) ?? -1;
      const shown = rows
        .slice(1)
        .flatMap((row) =>
          row[at] === "–" ? [] : [Number.parseFloat((row[at] ?? "").replaceAll(",", ""))],
        );
      const known = of(cohort)
        .filter(({ phase }) => phase !== "proxy")
        .map(({ ms }) => ms);
      expect(shown.length).toBeGreaterThan(0);
      for (const p90 of shown) {
        expect(p90).toBeGreaterThanOrEqual(Math.floor(Math.min(...known)));
        expect(p90).toBeLessThanOrEqual(Math.ceil(Math.max(...known)));
      }
    }
    expect((await factsOf(page, "share"))[0]).toMatch(/^configured 50 % · achieved \d+(\.\d+)? %/);
    expect(await factsOf(page, "failures")).toEqual(["R2 0 · database 0"]);
    expect((await factsOf(page, "orphans"))[0]).toMatch(/^0 of /);
    expect(await factsOf(page, "backends")).toEqual([
      "native: healthy (as seen from FRA)",
      "proxy: healthy (as seen from FRA)",
    ]);
    expect((await factsOf(page, "locations"))[0]).toMatch(/^none of 2 locations is seen behind/);
  });

  test("the banner says the state in force, and the timeline who changed it, why, and how proved", async () => {
    expect(await page.textContent("#banner h1")).toContain("NORMAL");
    const stop = await pixcanary("not-aus", "--reason", "5xx <b>spike</b>");
    expect([stop.code, stop.stdout]).toEqual([0, expect.any(String)]);
    await inBanner("EMERGENCY");
    expect(await page.textContent("#banner")).toContain("“5xx <b>spike</b>”");
    expect(await page.title()).toContain("EMERGENCY");
    expect(await page.textContent("#advice")).toContain("pixcanary verify --env sandbox");
    await inTimeline("→ STOP");
    const [, newest = []] = await numbersOf(page, "timeline");
    expect(newest[2]).toContain("not-aus: ");
    expect(newest[2]).toContain("STOP");
    expect(newest.slice(3)).toEqual(["5xx <b>spike</b>", expect.stringContaining("live at")]);

    const back = await pixcanary(
      "restore",
      "--to",
      "20",
      "--force",
      "--yes",
      "--reason",
      "repaired",
    );
    expect([back.code, back.stdout]).toEqual([0, expect.any(String)]);
    await shown("#banner", (banner) => !banner.includes("EMERGENCY"));
    expect(await page.textContent("#banner")).toContain("20 % of new visitors");
  });

  test("a ramp is said by its step, and its steps are in the timeline", async () => {
    const words = ["--plan", "30:1h,40", "--force", "--yes", "--reason", "try"];
    const over = new AbortController();
    const ramp = pixcanaryUntil(over.signal, "ramp", "start", ...words);
    await inTimeline("20 % → 30 %");
    // Where nobody has asked for a ramp yet: what KV has answered here it answers for 30 s.
    const base = stage.sandbox.description.locations[1]?.url ?? "";
    const elsewhere = await openDashboard({ ...stage, base });
    const banner = await elsewhere.page.textContent("#banner");
    expect(banner).toMatch(/RAMP.*step 1 of 2, 30 % of new visitors/);
    await elsewhere.context.close();
    await pixcanary("ramp", "abort", "--yes", "--reason", "tried");
    await inTimeline("30 % → 20 %");
    over.abort("SIGINT");
    await ramp;
  });

  test("the six smoke checks are made by this browser, and say what they could not do", async () => {
    await page.click("text=Run the six checks");
    await shown("#smoke", (text) => !text.includes("not run yet"));
    expect(await page.locator("#smoke li").allTextContents()).toEqual([
      expect.stringMatching(/^✔ API URL: HTTP 401, decided (native|proxy)/),
      expect.stringMatching(/^\? CORS: not checked.*pixcanary verify --smoke/),
      expect.stringMatching(/^✔ credentials: 401 without a token/),
      expect.stringMatching(/^! signed URLs: .*not logged in to the app/),
      expect.stringMatching(/^\? downloads: skipped/),
      expect.stringMatching(/^✔ Worker canary config: decided .*the state is (NORMAL|REDUCED)/),
    ]);
  });

  test("logged in to the app, the browser uploads and downloads", async () => {
    const [name = "", value = ""] = stage.sandbox.description.session.split("=");
    await context.addCookies([{ name, value, url: stage.base }]);
    await page.reload();
    await page.waitForSelector("#banner h1");
    await page.click("text=Run the six checks");
    await shown("#smoke", (text) => !text.includes("not run yet"));
    const lines = await page.locator("#smoke li").allTextContents();
    expect(lines[3]).toMatch(/^✔ signed URLs: uploaded/);
    expect(lines[4]).toMatch(/^✔ downloads: downloaded the same/);
  });

  test("texts from outside stay texts", async () => {
    const reason = `<img src=x onerror="pwned=1"><a href="javascript:pwned=1">x</a>\u202e`;
    await pixcanary("reduce", "--to", "10", "--reason", reason);
    await inTimeline("<img src=x");
    expect(await page.locator("main img, main a[href^=javascript], main style").count()).toBe(0);
    expect(await page.evaluate("globalThis.pwned")).toBeUndefined();
    expect(errors).toEqual([]);
  });

  test("one question that fails takes no other panel with it", async () => {
    const { control } = stage.sandbox;
    await control.setFaults([
      {
        kind: "server-error",
        status: 500,
        times: 1,
        match: { pathContains: "analytics_engine/sql" },
      },
    ]);
    await page.goto(`${stage.base}/qa/dashboard?range=15m`);
    await page.waitForSelector("#banner h1");
    const problems = page.locator(".panel > .problem:not([hidden])");
    await vi.waitUntil(async () => (await problems.count()) > 0, PATIENCE);
    // Errors and requests come from one question.
    expect(await problems.count()).toBeLessThanOrEqual(2);
    expect(await page.locator(".panel .facts:not([hidden])").count()).toBeGreaterThanOrEqual(9);
    await control.clearFaults();
  });

  test("data that do not come are said to be old", async () => {
    const opened = await openDashboard(stage, { clock: true });
    await opened.page.route("**/dashboard/data*", (route) => route.abort());
    await opened.page.clock.runFor(60_000);
    expect(await opened.page.textContent("#age")).toMatch(/^OLD: state of \d+ s ago/);
    expect(await opened.page.title()).toMatch(/^OLD: /);
    expect(await opened.page.textContent("#trouble")).toContain("pixcanary status");
    expect(await opened.page.textContent("#banner h1")).not.toBe("");
    await opened.context.close();
  });

  test("the range is in the address, and an entry of the timeline is one", async () => {
    await page.goto(`${stage.base}/qa/dashboard?range=24h#latency`);
    await page.waitForSelector("#banner h1");
    expect(await page.textContent("nav a[aria-current]")).toBe("24h");
    await page.click("#timeline .scroll table a");
    await page.waitForSelector("#banner h1");
    expect(page.url()).toMatch(/range=around%3A\d{4}-.*#latency$/);
    expect((await numbersOf(page, "timeline")).length).toBeGreaterThan(1);
  });

  test("who looks at the past takes nothing from who looks at now", async () => {
    const headers = { authorization: `Bearer ${stage.sandbox.description.qaToken}` };
    const look = async (range: string) => {
      const answer = await fetch(`${stage.base}/qa/dashboard/data?range=${range}`, { headers });
      return (await answer.json()) as {
        banner: { word: string };
        timeline: { data: { marks: unknown[] } };
      };
    };
    const past = new Date(Date.now() - 2 * 3_600_000).toISOString();
    const [then, now] = [await look(`around:${past}`), await look("1h")];
    expect(then.timeline.data.marks).toEqual([]);
    expect(now.timeline.data.marks.length).toBeGreaterThan(0);
    expect(then.banner.word).toBe(now.banner.word);
  });

  test.each([
    ["light", { colorScheme: "light", viewport: { width: 1280, height: 900 } }],
    ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 900 } }],
    ["on a phone", { colorScheme: "light", viewport: { width: 360, height: 780 } }],
  ] as const)("axe finds no violation: %s", async (_, look) => {
    const opened = await openDashboard(stage, { ...look, bypassCSP: true });
    await opened.page.evaluate(AxeBuilder.source);
    const found = await opened.page.evaluate("axe.run()");
    const { violations } = found as { violations: { id: string; nodes: { html: string }[] }[] };
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    const width = await opened.page.evaluate("document.documentElement.scrollWidth");
    expect(width).toBeLessThanOrEqual(look.viewport.width);
    await opened.context.close();
  });

  test("a question that is asked by fifty at once is asked once", async () => {
    const { control, description } = stage.sandbox;
    const headers = { authorization: `Bearer ${description.qaToken}` };
    const asked = () =>
      control.requests().filter(({ path }) => path.includes("analytics_engine")).length;
    const before = asked();
    const look = () => fetch(`${stage.base}/qa/dashboard/data?range=7d`, { headers });
    const answers = await Promise.all(Array.from({ length: 50 }, look));
    expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([]);
    expect(asked() - before).toBeLessThanOrEqual(10);
  });

  test("closes without an error of the page", async () => {
    expect(errors.filter((line) => !line.includes("status of 500"))).toEqual([]);
    await context.close();
  });
});
