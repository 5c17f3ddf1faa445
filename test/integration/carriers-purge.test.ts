/**
 * Purges are lost, so that a location may go by its copy of the beacon's answer until that expires: nothing is called
 * live or done before it is.
 */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { qaSchema } from "../../src/domain/proof/qa-document.ts";
import { PATIENCE } from "../support/patience.ts";
import { ALL_OFF, ALL_ON, carriersStage, type Said } from "./carriers-stage.ts";
import { emergencies } from "./lane.ts";

const stage = carriersStage();
const { run, stop, restore } = stage;

/** Each location has a copy of the beacon's answer, which no purge reaches. */
beforeEach(async () => {
  stage.control.setBeacon({ purgesLost: true });
  await emergencies(stage.lane.sandbox);
});

/** What each `/qa` shows of the beacon. */
async function beacons() {
  const { locations, qaToken } = stage.lane.sandbox.description;
  const headers = { authorization: `Bearer ${qaToken}` };
  return Promise.all(
    locations.map(async ({ url }) => {
      const answer = await fetch(`${url}/qa?health=cached`, { headers });
      return qaSchema().parse(await answer.json()).beacon;
    }),
  );
}

/** The id of the release that is stored. */
function storedRelease(): unknown {
  return (JSON.parse(stage.control.store.text("stop") ?? "{}") as { id?: unknown }).id;
}

/** What was called live or done is so at this moment: it does not change back. */
async function isTrue({ code, said }: Said, truth: boolean[]): Promise<void> {
  if (code === 0) expect([said, await emergencies(stage.lane.sandbox)]).toEqual([said, truth]);
  else expect([code, said]).toEqual([21, expect.stringMatching(/FRA|AMS|IAD|beacon/)]);
}

describe("a stop that KV does not bring", () => {
  beforeEach(async () => {
    stage.control.setKv({ frozen: true });
    const { code, said } = await run(["not-aus", "--reason", "5xx", "--no-verify"]);
    expect([code, said]).toEqual([0, expect.not.stringMatching(/^ *\d.* live /m)]);
  });

  test("verify does not call it live until the copies have expired", async () => {
    await isTrue(await run(["verify"], "brief"), ALL_ON);
    // The mirror of the stop in config comes by KV alone.
    stage.control.setKv({ frozen: false, catchUp: true });
    const { code } = await run(["verify"]);
    expect([code, await emergencies(stage.lane.sandbox)]).toEqual([0, ALL_ON]);
  });

  test("status tells of the emergency, and which location does not show it yet", async () => {
    const before = await emergencies(stage.lane.sandbox);
    const { said } = await run(["status"], "quick");
    expect(said).toMatch(/EMERGENCY|emergency/);
    // It may have expired between the two looks.
    const after = await emergencies(stage.lane.sandbox);
    if (after.includes(false))
      expect([before, said]).toEqual([before, expect.stringMatching(/not yet|differ|lag|pending/)]);
    await vi.waitFor(
      async () => expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_ON),
      PATIENCE,
    );
  });
});

describe("a release", () => {
  test("is done when the beacon has acknowledged it and every location shows it", async () => {
    expect((await stop()).code).toBe(0);
    await emergencies(stage.lane.sandbox);
    const { code } = await restore("patient", "--force");
    expect([code, await emergencies(stage.lane.sandbox)]).toEqual([0, ALL_OFF]);
    const release_id = storedRelease();
    for (const beacon of await beacons()) expect(beacon).toMatchObject({ heard: true, release_id });
  });

  test("that a location can see by neither carrier is not called done, nor live", async () => {
    expect((await stop()).code).toBe(0);
    stage.control.setKv({ frozen: true, location: "AMS" });
    const { code, said } = await restore("brief", "--force");
    expect([code, said]).toEqual([21, expect.stringContaining("AMS")]);
    const verified = await run(["verify"], "brief");
    expect([verified.code, verified.said]).toEqual([21, expect.stringContaining("AMS")]);
    stage.control.setKv({ frozen: false });
    expect((await restore("patient", "--force")).code).toBe(0);
    expect(await emergencies(stage.lane.sandbox)).toEqual(ALL_OFF);
  });

  test("is not called done in its cached time, however often it is asked", async () => {
    expect((await stop()).code).toBe(0);
    await emergencies(stage.lane.sandbox);
    await isTrue(await restore("brief", "--force"), ALL_OFF);
    await isTrue(await run(["verify"], "brief"), ALL_OFF);
    const { code, said } = await run(["status"], "quick");
    if (code === 0 && !/emergency/i.test(said)) await isTrue({ code, said }, ALL_OFF);
  });
});
