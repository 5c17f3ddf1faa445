/** Rungs that are taken in part, and what others make of a rung meanwhile: nothing of it is forgotten. */
import { expect, test } from "vitest";
import { ladderStage } from "./ladder-stage.ts";

const FIRST = "api.pix.test/*";
const SECOND = "api.pix.test/v2/*";
const YES = ["--reason", "fixed", "--yes"];

const stage = ladderStage();
const { routes, live, say } = stage;

async function addRoute(pattern: string): Promise<void> {
  const { apiBaseUrl, apiToken } = stage.lane.sandbox.description;
  const [zone] = stage.lane.sandbox.control.account.zones.list;
  const answer = await fetch(`${apiBaseUrl}/zones/${zone?.id}/workers/routes`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiToken}`, "content-type": "application/json" },
    body: JSON.stringify({ pattern, script: zone?.routes[0]?.script }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

test("of two routes one is refused: says which is gone, and restore knows of it", async () => {
  await addRoute(SECOND);
  const { control } = stage.lane.sandbox;
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
  const { control } = stage.lane.sandbox;
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
  const { worker } = stage.account;
  const before = live();
  const main = worker.deployments[0]?.split.find(({ percentage }) => percentage === 100)?.version;
  if (main === undefined) throw new Error("nothing serves");
  const half = [
    { version: stage.prepared(), percentage: 50 },
    { version: main, percentage: 50 },
  ];
  await say("not-aus", "--via", "version");
  await worker.deploy(half);
  const { code, said } = await say("restore", ...YES);
  expect([code, said]).toEqual([0, expect.stringContaining("and the stop is in force")]);
  expect(live()).toEqual(before);
  // Nor is the half what a rung that is taken again goes back to.
  await worker.deploy(half);
  await say("not-aus", "--via", "version");
  expect((await say("restore", ...YES)).code).toBe(0);
  expect(live()).toEqual(before);
});
