/** The ladder beyond a plain stop, rung by rung, against the sandbox's account and locations. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { PROXY_ONLY_TAG } from "../../src/domain/ladder/proxy-only.ts";
import { ensureCli } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { untilReady } from "../support/live.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { resetLane, startLane, stopIsStored, tokenEnv, writeConfig } from "./lane.ts";

const PATTERN = "api.pix.test/*";

let lane: Lane;
let config = "";
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: ["FRA", "AMS"] });
  await untilReady(lane.sandbox.description);
  const legacyHosts = [new URL(lane.sandbox.description.originUrl).hostname];
  config = await writeConfig(lane, { zone: "pix.test", legacyHosts });
});
afterAll(() => lane?.close());

const account = () => lane.sandbox.control.account;
const prepared = () => {
  const found = account().worker.versions.find(
    ({ annotations }) => annotations.tag === PROXY_ONLY_TAG,
  );
  if (found === undefined) throw new Error("no proxy-only version");
  return found;
};
const live = () => {
  const [split] = account().worker.deployments;
  return split?.split.map(({ version, percentage }) => [version.id, percentage]);
};
const routes = () =>
  account().zones.list.flatMap((zone) => zone.routes.map(({ pattern }) => pattern));
const journal = () => {
  const { store } = lane.sandbox.control;
  const keys = store.list({ prefix: "journal/", limit: 1_000 }).keys;
  return keys.map(({ name }) => JSON.parse(store.text(name) ?? "{}") as Record<string, unknown>);
};

/** As one line: where it wraps is not what is shown here. */
async function say(...words: string[]): Promise<{ code: number | null; said: string }> {
  const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
  const given = { env, clock: patientClock() };
  const { code, stdout, stderr } = await runHere([...words, "--config", config], given);
  return { code, said: (stdout + stderr).replaceAll(/\s+/g, " ") };
}

/** The account as it was, and no emergency. */
let before: ReturnType<typeof live>;
async function backToStart(): Promise<void> {
  const { worker, zones } = account();
  const [zone] = zones.list;
  if (zone === undefined) throw new Error("no zone");
  if (zone.routes.length === 0)
    await zones.create(zone, { pattern: PATTERN, script: "pix-sandbox" });
  const [newest] = worker.versions;
  if (newest === undefined) throw new Error("no version");
  if (JSON.stringify(live()) !== JSON.stringify(before ?? live())) {
    await worker.deploy([
      { version: newest, percentage: 100 },
      { version: prepared(), percentage: 0 },
    ]);
  }
  before ??= live();
  await resetLane(lane);
  const { store } = lane.sandbox.control;
  for (const { name } of store.list({ prefix: "journal/", limit: 1_000 }).keys) store.delete(name);
}
beforeEach(backToStart);

/** What visitors at each location are answered by. */
async function marks(): Promise<(string | null)[]> {
  const { locations } = lane.sandbox.description;
  const all = await Promise.all(locations.map(({ url }) => fetch(`${url}/api/jobs`)));
  return all.map(({ headers }) => headers.get("x-pix-canary"));
}

describe("not-aus --via version", () => {
  test("deploys the prepared version to all visitors, proved at each location by /qa", async () => {
    const { code, said } = await say("not-aus", "--via", "version", "--reason", "KV is slow");
    expect([code, said]).toEqual([0, expect.stringMatching(/live FRA .* AMS|live AMS .* FRA/)]);
    expect(live()).toEqual([[prepared().id, 100]]);
    expect(await marks()).toEqual(Array(2).fill("1;tag=none;cohort=proxy;reason=emergency"));
    expect(stopIsStored(lane.sandbox)).toBe(true);
    expect(journal()).toMatchObject([
      {
        command: "not-aus",
        rung: {
          via: "version",
          action: "taken",
          versionId: prepared().id,
          before: before?.map(([versionId, percentage]) => ({ versionId, percentage })),
        },
      },
    ]);
  });
});

describe("not-aus --via route", () => {
  test("asks, and --yes is no answer; with the pattern it deletes the route, proved at each location", async () => {
    const asked = await say("not-aus", "--via", "route", "--yes");
    expect(asked.code).toBe(2);
    expect(asked.said).toContain(
      `not-aus --config ${config} --env sandbox --via route --confirm-route '${PATTERN}'`,
    );
    expect(routes()).toEqual([PATTERN]);
    const { code, said } = await say("not-aus", "--via", "route", "--confirm-route", PATTERN);
    expect([code, said]).toEqual([0, expect.stringContaining(`route ${PATTERN} deleted`)]);
    expect([routes(), await marks()]).toEqual([[], [null, null]]);
  });
});
