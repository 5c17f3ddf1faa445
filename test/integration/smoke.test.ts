/** `verify --smoke` against the real Worker: all six pass, and each is broken by its own fault alone. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { SmokeReport } from "../../src/commands/smoke/checks.ts";
import { runSmoke } from "../../src/commands/smoke/checks.ts";
import { SMOKE_CHECKS } from "../../src/domain/smoke/upload.ts";
import { PAGES_ORIGIN } from "../../src/sandbox/types.ts";
import { ensureCli, runCli } from "../support/cli.ts";
import { patientClock } from "../support/here.ts";
import { untilLive, untilReady } from "../support/live.ts";
import { HANG_MS, PATIENCE } from "../support/patience.ts";
import { portsOf } from "../support/ports-of.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { configText, emergencies, resetLane, startLane, tokenEnv, writeConfig } from "./lane.ts";

// Several, because each allows ten looks a minute without a token.
const LOCATIONS = ["FRA", "AMS", "IAD", "SIN"];

let lane: Lane;
let turns = 0;
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: LOCATIONS });
  await untilReady(lane.sandbox.description);
});
afterAll(() => lane?.close());
beforeEach(() => resetLane(lane));

/** A location of its own for each test, so that the limits of one do not reach the next. */
function settingsOfTurn(replaced: Record<string, unknown> = {}): Promise<string> {
  const at = lane.sandbox.description.locations[turns % LOCATIONS.length];
  turns += 1;
  return writeConfig(lane, {
    qaUrls: [`${at?.url}/qa`],
    dataset: "canary_requests",
    pagesOrigin: PAGES_ORIGIN,
    ...replaced,
  });
}

/** Everybody new goes there. */
async function send(cohort: "native" | "proxy"): Promise<void> {
  lane.newestMs += 1;
  const revision = `SMOKE${lane.newestMs}`;
  lane.sandbox.control.store.put(
    "config",
    configText(cohort === "native" ? 100 : 0, {
      revision,
      last_updated: new Date(lane.newestMs).toISOString(),
    }),
  );
  await untilLive(lane.sandbox.description, { revision });
}

async function smoke(
  config: string,
  { qaToken = lane.sandbox.description.qaToken, wantsNative = false, clock = patientClock() } = {},
): Promise<SmokeReport> {
  const env = { ...tokenEnv(lane.sandbox), PIXCANARY_QA_TOKEN: qaToken };
  const ports = await portsOf(config, "sandbox", env, clock);
  return runSmoke(ports, { signal: AbortSignal.timeout(HANG_MS), wantsNative });
}

/** Only what is not a pass. */
function bad({ checks }: SmokeReport): Record<string, string> {
  expect(checks.map(({ name }) => name)).toEqual([...SMOKE_CHECKS]);
  const open = checks.filter(({ verdict }) => verdict !== "pass");
  return Object.fromEntries(open.map(({ name, verdict }) => [name, verdict]));
}

describe("all six pass", () => {
  test.each(["native", "proxy"] as const)("by the program, for a visitor of %s", async (cohort) => {
    await send(cohort);
    const config = await settingsOfTurn();
    const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
    const result = await runCli(["verify", "--smoke", "--json", "--config", config], { env });
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
    const { smoke: report } = JSON.parse(result.stdout) as { smoke: SmokeReport };
    expect(bad(report)).toEqual({});
    expect(report.cohorts).toEqual([cohort]);
    const listed = await fetch(`${report.base}/api/jobs`, {
      headers: {
        cookie: lane.sandbox.description.session,
        ...(cohort === "native" ? { "x-canary": "1" } : {}),
      },
    });
    expect(await listed.text()).toContain('"pixcanary-smoke.txt"');
  });

  test("native by request, although nobody is drawn to it", async () => {
    await send("proxy");
    const report = await smoke(await settingsOfTurn(), { wantsNative: true });
    expect(bad(report)).toEqual({});
    expect(report.cohorts).toEqual(["native"]);
  });
});

describe("each is broken by its own fault alone", () => {
  test("API URL: the origin is down for who is served by it", async () => {
    await send("proxy");
    lane.sandbox.control.setOrigin({ down: true });
    expect(bad(await smoke(await settingsOfTurn()))).toEqual({
      "API URL": "fail",
      CORS: "fail",
      "signed URLs": "no_data",
      downloads: "no_data",
    });
  });

  test("API URL: another server than the canary's", async () => {
    const origin = lane.sandbox.description.originUrl;
    const report = await smoke(await settingsOfTurn({ qaUrls: [`${origin}/qa`] }));
    expect(report.checks[0]).toMatchObject({ verdict: "fail" });
    expect(report.checks[0]?.detail).toMatch(/is this the canary Worker\?/);
  });

  test("CORS: the page's origin is not on the list", async () => {
    const report = await smoke(await settingsOfTurn({ pagesOrigin: "https://other.example" }));
    expect(bad(report)).toEqual({ CORS: "fail" });
    expect(report.checks[1]?.detail).toMatch(/QA_ALLOWED_ORIGINS/);
  });

  test("CORS: the legacy origin refuses preflights, which reach it after a stop only", async () => {
    lane.sandbox.control.setOrigin({ preflightsRefused: true });
    const report = await smoke(await settingsOfTurn());
    expect(bad(report)).toEqual({ CORS: "fail" });
    expect(report.checks[1]?.detail).toMatch(
      /none\/none answered HTTP 403: after a stop, browsers' preflights go to the legacy origin/,
    );
  });

  test("CORS: without the page's origin it cannot be told", async () => {
    const report = await smoke(await settingsOfTurn({ pagesOrigin: undefined }));
    expect(bad(report)).toEqual({ CORS: "inconclusive" });
  });

  test("credentials: a wrong token, and then the document cannot be had", async () => {
    const report = await smoke(await settingsOfTurn(), { qaToken: "wrong-token-0123456789" });
    expect(bad(report)).toEqual({ credentials: "fail", "Worker canary config": "no_data" });
    expect(JSON.stringify(report)).not.toContain("wrong-token");
  });

  test.each([
    ["R2 is down", { r2Down: true }],
    ["the database is down", { databaseDown: true }],
    ["native throws after the body was read", { errorShare: 1, failAfterBody: true }],
  ])("signed URLs: %s", async (_, fault) => {
    await send("native");
    lane.sandbox.control.setNative(fault);
    const report = await smoke(await settingsOfTurn());
    expect(report.checks[3]).toMatchObject({ name: "signed URLs", verdict: "fail" });
    const { "API URL": _api, ...rest } = bad(report);
    expect(rest).toEqual({ "signed URLs": "fail", downloads: "no_data" });
  });

  test("Worker canary config: KV stays behind at the location", async () => {
    const config = await settingsOfTurn();
    lane.sandbox.control.setKv({ lagMs: { min: 600_000, max: 600_000 } });
    lane.newestMs += 1;
    lane.sandbox.control.store.put(
      "config",
      configText(25, { revision: "BEHIND", last_updated: new Date(lane.newestMs).toISOString() }),
    );
    // Its limit is waited out: 24 s of it are enough for the five that pass.
    const report = await smoke(config, { clock: patientClock(3) });
    expect(bad(report)).toEqual({ "Worker canary config": "fail" });
    expect(report.checks[5]?.detail).toMatch(/still at revision RESET/);
  });
});

test("a failed check is exit 20, and names itself", async () => {
  const config = await settingsOfTurn({ pagesOrigin: "https://other.example" });
  const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
  const result = await runCli(["verify", "--smoke", "--config", config], { env });
  expect(result, result.stdout + result.stderr).toMatchObject({ code: 20 });
  expect(result.stdout).toMatch(/1 of 6 checks failed: CORS/);
  expect(result.stdout).toMatch(/✔ API URL[\s\S]*✖ CORS[\s\S]*→ next: pixcanary verify .*--smoke/);
});

test("under an emergency everybody is at proxy, and gets no cookie: all six pass", async () => {
  const at = new Date(lane.newestMs).toISOString();
  lane.sandbox.control.store.put("stop", JSON.stringify({ active: true, id: "SMOKE", at }));
  lane.stops.add("SMOKE");
  await vi.waitFor(async () => {
    expect(await emergencies(lane.sandbox)).toEqual(LOCATIONS.map(() => true));
  }, PATIENCE);
  const report = await smoke(await settingsOfTurn());
  expect(bad(report)).toEqual({});
  expect(report.checks[2]?.detail).toMatch(/no cookie during an emergency/);
});
