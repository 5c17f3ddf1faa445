/** Each rung of the ladder is rehearsed in the real sandbox: taken, proved and put back, or refused with a reason. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { rehearsalOf } from "../../src/cli/tools/drill-stage.ts";
import type { DrillData } from "../../src/commands/drill/data.ts";
import { performRungs } from "../../src/commands/drill/rungs.ts";
import { RUNG_TARGETS, rungsOf } from "../../src/domain/drill/rungs.ts";
import { PROXY_ONLY_TAG } from "../../src/domain/ladder/proxy-only.ts";
import type { Ports } from "../../src/ports/ports.ts";
import { ensureCli } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { untilReady } from "../support/live.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { type Lane, resetLane, startLane, stopIsStored } from "./lane.ts";

let lane: Lane;
let config = "";
beforeAll(async () => {
  await Promise.all([ensureCli(), ensureBundle()]);
  lane = await startLane({ locations: ["FRA", "AMS"] });
  await untilReady(lane.sandbox.description);
  config = lane.sandbox.description.configPath;
});
afterAll(() => lane?.close());

const account = () => lane.sandbox.control.account;
const deployed = () =>
  account().worker.deployments.map(({ split }) =>
    split.map(({ version, percentage }) => `${version.id} ${percentage}`),
  );
const routes = () =>
  account().zones.list.flatMap((zone) => zone.routes.map(({ pattern }) => pattern));

let before: { live: string[] | undefined; deployments: number; routes: string[] };
beforeEach(async () => {
  await resetLane(lane);
  const all = deployed();
  before = { live: all[0], deployments: all.length, routes: routes() };
});

/** As in the sandbox's own drill: with visitors. */
async function drill(
  names: string,
  {
    change = (ports) => ports,
    targets = RUNG_TARGETS,
  }: { change?: (ports: Ports) => Ports; targets?: typeof RUNG_TARGETS } = {},
) {
  const ports = change(await portsOf(config));
  const rungs = rungsOf(names.split(",")) ?? [];
  const outcome = await performRungs(GIVEN, ports, rehearsalOf(lane.sandbox), { rungs, targets });
  if (!("data" in outcome) || outcome.data === undefined) throw new Error(outcome.kind);
  return { ...outcome, data: outcome.data };
}

const measured = ({ rehearsals }: Pick<DrillData, "rehearsals">) =>
  rehearsals.map(({ fault, stages }) => [
    fault,
    ...stages.flatMap(({ stage, ms }) => (ms === null ? [] : [stage])),
  ]);
const notes = ({ rehearsals }: Pick<DrillData, "rehearsals">) =>
  rehearsals.flatMap((one) => one.notes.map((note) => `${one.fault}: ${note}`)).join("\n");

/** Nothing was written, deployed or deleted. */
function untouched(): void {
  expect([deployed()[0], deployed().length]).toEqual([before.live, before.deployments]);
  expect([routes(), stopIsStored(lane.sandbox)]).toEqual([before.routes, false]);
  expect(lane.stops.size).toBe(0);
}

test("all of them, up and down: each is proved, and all is as it was", async () => {
  const { kind, data } = await drill("all");
  expect([kind, data.failed, data.steps]).toEqual(["done", [], []]);
  expect(measured(data)).toEqual([
    ["rung stop", "written", "stored", "live", "effective", "restored"],
    ["rung version", "written", "live", "effective", "restored"],
    ["rung route", "written", "live", "effective", "restored"],
  ]);
  const said = notes(data);
  for (const carrier of ["kv", "beacon"]) {
    expect(said).toMatch(new RegExp(`rung stop: shown by ${carrier} at (FRA, AMS|AMS, FRA), `));
  }
  expect(said).toMatch(/rung version: [0-9a-f]{8} at 0 %, asked by override: always proxy at FRA/);
  expect(said.match(/visitors, once it was live: 0 native answers in \d+/g)).toHaveLength(3);
  expect([deployed()[0], routes()]).toEqual([before.live, before.routes]);
  expect(deployed().length).toBeGreaterThan(before.deployments);
  expect(stopIsStored(lane.sandbox)).toBe(false);
});

test("in a named environment: stop and version for real, without visitors", async () => {
  const words = ["drill", "--config", config, "--env", "sandbox", "--rung", "version,stop"];
  const given = { env: { ...lane.env }, clock: patientClock() };
  const unasked = await runHere([...words, "--no-report"], given);
  expect([unasked.code, unasked.stderr]).toEqual([22, expect.stringContaining("--yes")]);
  untouched();
  const { code, stdout } = await runHere([...words, "--no-report", "--yes", "--json"], given);
  const document = JSON.parse(stdout);
  expect([code, document.passed, document.traffic]).toEqual([0, true, null]);
  expect(measured(document).map(([rung]) => rung)).toEqual(["rung stop", "rung version"]);
  const [versionId = ""] = deployed()[1] ?? [];
  expect([deployed()[0], versionId]).toEqual([before.live, expect.stringMatching(/ (0|100)$/)]);
});

test("nothing is changed where no version is held at 0 %: it cannot be asked first", async () => {
  const { worker } = account();
  const [live] = worker.deployments[0]?.split ?? [];
  if (live === undefined) throw new Error("nothing is deployed");
  await worker.deploy([live]);
  before = { ...before, live: deployed()[0], deployments: deployed().length };
  const { data } = await drill("version");
  expect(data.failed).toEqual([
    expect.stringMatching(/is not held at 0 %: npx wrangler versions deploy .*@0% .*nothing/),
  ]);
  untouched();
});

test("a version that is not put back as it was fails the drill, and both are named", async () => {
  /** Whoever puts it back forgets the version that was held at 0 %. */
  const change = (ports: Ports): Ports => {
    const deploy: Ports["deployments"]["deploy"] = (split, options) =>
      ports.deployments.deploy(
        split.some((one) => `${one.versionId} ${one.percentage}` === before.live?.[0])
          ? split.filter(({ percentage }) => percentage > 0)
          : split,
        options,
      );
    return { ...ports, deployments: { ...ports.deployments, deploy } };
  };
  const { kind, data } = await drill("version", { change });
  expect([kind, data.failed]).toEqual([
    "unhealthy",
    [
      expect.stringMatching(
        /^rung version: not put back as it was: deployed now: \w{8} at 100 %; before: \w{8} at 100 %, \w{8} at 0 %$/,
      ),
    ],
  ]);
});

test("a route that is gone again after the restore fails the drill", async () => {
  const isOver = () => deployed().length > before.deployments && !stopIsStored(lane.sandbox);
  const change = (ports: Ports): Ports => {
    const list: Ports["routes"]["list"] = async (zoneId, call) =>
      isOver() ? [] : ports.routes.list(zoneId, call);
    return { ...ports, routes: { ...ports.routes, list } };
  };
  const { data } = await drill("route", { change });
  expect(data.failed).toEqual([
    expect.stringMatching(
      /^rung route: not put back as it was: routes now: none; before: api\.pix/,
    ),
  ]);
});

test("what does not stay is put back once, and not without end", async () => {
  /** After it is back, `/qa` and the account show the proxy-only version again. */
  const isTaken = () => deployed().length >= before.deployments + 3;
  const change = (ports: Ports): Ports => {
    const look: Ports["qa"]["look"] = async (url, options) => {
      const seen = await ports.qa.look(url, options);
      if (seen.qa === null || !isTaken()) return seen;
      return { ...seen, qa: { ...seen.qa, proxy_only: true } };
    };
    const list: Ports["deployments"]["list"] = async (call) => {
      const found = await ports.deployments.list(call);
      const versionId = before.live?.find((text) => text.endsWith(" 0"))?.slice(0, -2);
      if (versionId === undefined || !isTaken()) return found;
      const split = [{ versionId, percentage: 100 }];
      return [{ at: "", by: null, message: null, split }, ...found];
    };
    const deployments = { ...ports.deployments, list };
    return { ...ports, qa: { ...ports.qa, look }, deployments };
  };
  const { data } = await drill("version", { change });
  expect(data.failed.join()).toContain("restore: what it put back was taken again");
});

test("too slow: the rung and its stage are named", async () => {
  const targets = { ...RUNG_TARGETS, version: { live: 0 } };
  const { kind, data } = await drill("version", { targets });
  expect([kind, data.failed]).toEqual([
    "unhealthy",
    [expect.stringMatching(/^rung version: too slow: live [\d.]+ s, target 0\.00 s$/)],
  ]);
  expect(deployed()[0]).toEqual(before.live);
});

/** The last one here: the account keeps this version, which is the newest of its tag. */
test("nothing is changed where the version held at 0 % is not proxy-only", async () => {
  const { worker } = account();
  const [live, held] = worker.deployments[0]?.split ?? [];
  if (live === undefined || held === undefined) throw new Error("no version is held");
  const more = { tag: PROXY_ONLY_TAG, triggeredBy: "upload" } as const;
  const secrets = Object.fromEntries(account().secrets);
  const usual = worker.add("pix-sandbox", live.version.upload, { secrets, annotations: more });
  await worker.deploy([live, { version: usual, percentage: 0 }]);
  before = { ...before, live: deployed()[0], deployments: deployed().length };
  const { kind, data } = await drill("version");
  expect([kind, data.failed]).toEqual([
    "unhealthy",
    [
      expect.stringMatching(
        /^rung version: version [0-9a-f]{8}, asked at 0 %: FRA: it is not proxy-only; AMS: it is not proxy-only \(nothing/,
      ),
    ],
  ]);
  untouched();
});
