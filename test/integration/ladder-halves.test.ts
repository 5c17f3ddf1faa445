/** Rungs that are taken in part, and what others make of a rung meanwhile: nothing of it is forgotten. */
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { PROXY_ONLY_TAG } from "../../src/domain/ladder/proxy-only.ts";
import { ensureCli } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { untilReady } from "../support/live.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { resetLane, startLane, tokenEnv, writeConfig } from "./lane.ts";

const FIRST = "api.pix.test/*";
const SECOND = "api.pix.test/v2/*";
const YES = ["--reason", "fixed", "--yes"];

let lane: Lane;
let config = "";
let home = "";
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: ["FRA", "AMS"] });
  await untilReady(lane.sandbox.description);
  const legacyHosts = [new URL(lane.sandbox.description.originUrl).hostname];
  config = await writeConfig(lane, { zone: "pix.test", legacyHosts });
});
afterAll(() => lane?.close());
beforeEach(async () => {
  await resetLane(lane);
  const [zone] = lane.sandbox.control.account.zones.list;
  zone?.routes.splice(1);
  const { store } = lane.sandbox.control;
  for (const { name } of store.list({ prefix: "journal/", limit: 1_000 }).keys) store.delete(name);
  home = await mkdtemp(join(lane.dir, "home-"));
});

const worker = () => lane.sandbox.control.account.worker;
const routes = () =>
  lane.sandbox.control.account.zones.list.flatMap((zone) =>
    zone.routes.map(({ pattern }) => pattern),
  );

/** As one line: where it wraps is not what is shown here. */
async function say(...words: string[]): Promise<{ code: number | null; said: string }> {
  const env = { ...lane.env, ...tokenEnv(lane.sandbox), HOME: home, XDG_STATE_HOME: home };
  const given = { env, clock: patientClock() };
  const { code, stdout, stderr } = await runHere([...words, "--config", config], given);
  return { code, said: (stdout + stderr).replaceAll(/\s+/g, " ") };
}

async function addRoute(pattern: string): Promise<void> {
  const { apiBaseUrl, apiToken } = lane.sandbox.description;
  const [zone] = lane.sandbox.control.account.zones.list;
  const answer = await fetch(`${apiBaseUrl}/zones/${zone?.id}/workers/routes`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
    body: JSON.stringify({ pattern, script: zone?.routes[0]?.script }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

test("of two routes one is refused: says which is gone, and restore knows of it", async () => {
  await addRoute(SECOND);
  const { control } = lane.sandbox;
  const match = { pathContains: "/workers/routes" };
  await control.addFault({ kind: "forbidden", match: { ...match, method: "DELETE" }, after: 1 });
  // The plan's look is answered; the one after the refusal is not.
  await control.addFault({ kind: "forbidden", match: { ...match, method: "GET" }, after: 1 });
  const confirm = ["--via", "route", "--confirm-route", `${SECOND},${FIRST}`];
  const { code, said } = await say("not-aus", ...confirm);
  expect([code, said]).toEqual([
    23,
    expect.stringMatching(
      /the route api\.pix\.test\/\* is deleted; api\.pix\.test\/v2\/\* still leads to the Worker; the stop is written/,
    ),
  ]);
  await control.clearFaults();
  expect(routes()).toEqual([SECOND]);
  const plan = await say("restore", ...YES, "--dry-run");
  expect(plan.said).toContain(`route deleted → ${FIRST} leads to`);
  expect(plan.said).not.toContain(`→ ${SECOND} leads to`);
  // The words that it gave, though one of the routes that they name is gone by now.
  expect((await say("not-aus", ...confirm)).code).toBe(0);
  expect(routes()).toEqual([]);
  const both = await say("restore", ...YES, "--dry-run");
  expect(both.said).toContain(`→ ${FIRST} leads to`);
  expect(both.said).toContain(`→ ${SECOND} leads to`);
  expect((await say("not-aus", "--via", "route", "--confirm-route", FIRST)).code).toBe(0);
});

test("of two routes restore may put back but one: says so, and goes on with the other", async () => {
  await addRoute(SECOND);
  const { control } = lane.sandbox;
  await say("not-aus", "--via", "version");
  await say("not-aus", "--via", "route", "--confirm-route", `${FIRST},${SECOND}`);
  expect(routes()).toEqual([]);
  const match = { method: "POST", pathContains: "/workers/routes" };
  await control.addFault({ kind: "forbidden", match, after: 1 });
  const { code, said } = await say("restore", ...YES);
  const [back = ""] = routes();
  expect([code, said, routes()]).toEqual([23, expect.stringContaining(`${back} is back`), [back]]);
  expect(said).not.toContain("nothing was put back");
  await control.clearFaults();
  expect((await say("restore", ...YES)).code).toBe(0);
  expect(routes().toSorted()).toEqual([FIRST, SECOND]);
});

test("a route that was not named is not deleted", async () => {
  await addRoute(SECOND);
  const { code } = await say("not-aus", "--via", "route", "--confirm-route", FIRST);
  expect([code, routes()]).toEqual([2, [FIRST, SECOND]]);
});

test("a proxy-only version that somebody has left to half of the visitors is put back, too", async () => {
  const [start] = worker().deployments;
  const before = start?.split.map(({ version, percentage }) => [version.id, percentage]);
  const now = () => worker().deployments[0]?.split.map((one) => [one.version.id, one.percentage]);
  const prepared = worker().versions.find(({ annotations }) => annotations.tag === PROXY_ONLY_TAG);
  const main = start?.split.find(({ percentage }) => percentage === 100)?.version;
  if (prepared === undefined || main === undefined) throw new Error("not prepared");
  const half = [
    { version: prepared, percentage: 50 },
    { version: main, percentage: 50 },
  ];
  await say("not-aus", "--via", "version");
  await worker().deploy(half);
  const { code, said } = await say("restore", ...YES);
  expect([code, said]).toEqual([0, expect.stringContaining("and the stop is in force")]);
  expect(now()).toEqual(before);
  // Nor is the half what a rung that is taken again goes back to.
  await worker().deploy(half);
  await say("not-aus", "--via", "version");
  expect((await say("restore", ...YES)).code).toBe(0);
  expect(now()).toEqual(before);
});
