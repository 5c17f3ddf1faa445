/** The ladder beyond a plain stop, rung by rung, against the sandbox's account and locations. */
import { beforeEach, describe, expect, test } from "vitest";
import { PROXY_ONLY_TAG } from "../../src/domain/ladder/proxy-only.ts";
import { ladderStage } from "./ladder-stage.ts";
import { stopIsStored } from "./lane.ts";

const PATTERN = "api.pix.test/*";

const stage = ladderStage();
const { routes, prepared, live, say } = stage;
const sandbox = () => stage.lane.sandbox;
const journal = () => {
  const { store } = sandbox().control;
  const keys = store.list({ prefix: "journal/", limit: 1_000 }).keys;
  return keys.map(({ name }) => JSON.parse(store.text(name) ?? "{}") as Record<string, unknown>);
};

let before: ReturnType<typeof live>;
beforeEach(() => {
  before = live();
});

/** What visitors at each location are answered by. */
async function marks(): Promise<(string | null)[]> {
  const { locations } = sandbox().description;
  const all = await Promise.all(locations.map(({ url }) => fetch(`${url}/api/jobs`)));
  return all.map(({ headers }) => headers.get("x-pix-canary"));
}

describe("not-aus --via version", () => {
  test("deploys the prepared version to all visitors, proved at each location by /qa", async () => {
    const { code, said } = await say("not-aus", "--via", "version", "--reason", "KV is slow");
    expect([code, said]).toEqual([0, expect.stringMatching(/live FRA .* AMS|live AMS .* FRA/)]);
    expect(live()).toEqual([[prepared().id, 100]]);
    expect(await marks()).toEqual(Array(2).fill("1;tag=none;cohort=proxy;reason=emergency"));
    expect(stopIsStored(sandbox())).toBe(true);
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

  test("a lost answer is looked up: it is deployed once, and done", async () => {
    const rule = {
      kind: "reset-after",
      match: { method: "POST", pathContains: "/deployments" },
    } as const;
    await sandbox().control.addFault({ ...rule, times: 1 });
    const { code, said } = await say("not-aus", "--via", "version");
    expect([code, said, live()]).toEqual([
      0,
      expect.stringContaining("live"),
      [[prepared().id, 100]],
    ]);
  });

  test("with the whole API down says so, and names no rung that needs it", async () => {
    await sandbox().control.addFault({ kind: "outage" });
    const { code, said } = await say("not-aus", "--via", "version", "--timeout", "2");
    expect([code, said]).toEqual([
      24,
      expect.stringContaining("no version was changed; the stop is not written"),
    ]);
    expect(said).not.toContain("--via route");
    expect(said).toMatch(/next: pixcanary not-aus --config \S+ --env sandbox $/);
    expect(live()).toEqual(before);
  });

  test("again changes nothing, and keeps what was deployed before the first", async () => {
    await say("not-aus", "--via", "version");
    const again = await say("not-aus", "--via", "version");
    expect([again.code, again.said]).toEqual([
      0,
      expect.stringContaining("was deployed already; the stop is written"),
    ]);
    expect(again.said).toContain(`before ${String(before?.[0]?.[0]).slice(0, 8)} at`);
    expect(again.said).not.toContain("not known");
    expect((await say("restore", "--reason", "fixed", "--yes")).code).toBe(0);
    expect(live()).toEqual(before);
  });

  test("is offered by name when a plain stop is not live in time", async () => {
    sandbox().control.setKv({ frozen: true });
    const { code, said } = await say("not-aus", "--timeout", "1");
    expect([code, said]).toEqual([
      21,
      expect.stringMatching(
        /If that is not enough: .*not-aus .*--via version .*not-aus .*--via route/,
      ),
    ]);
  });
});

describe("not-aus --via route", () => {
  test("asks, and --yes is no answer; with the pattern it deletes the route, proved at each location", async () => {
    const asked = await say("not-aus", "--via", "route", "--yes");
    expect(asked.code).toBe(2);
    expect(asked.said).toContain(
      `not-aus --config ${stage.config} --env sandbox --via route --confirm-route '${PATTERN}'`,
    );
    expect(routes()).toEqual([PATTERN]);
    const { code, said } = await say("not-aus", "--via", "route", "--confirm-route", PATTERN);
    expect([code, said]).toEqual([0, expect.stringContaining(`route ${PATTERN} deleted`)]);
    expect(said).toMatch(/gone .* gone /);
    expect([routes(), await marks()]).toEqual([[], [null, null]]);
    expect(stopIsStored(sandbox())).toBe(true);
  });

  test("a second time is calm: it asks nothing, and proves that the route is gone", async () => {
    await say("not-aus", "--via", "route", "--confirm-route", PATTERN);
    const { code, said } = await say("not-aus", "--via", "route");
    expect([code, said]).toEqual([0, expect.stringContaining("the route was deleted already")]);
    expect((await say("status")).said).toContain(`route ${PATTERN} deleted by`);
  });

  test("its plan sets the stop, too", async () => {
    const { said } = await say("not-aus", "--via", "route", "--dry-run");
    expect(said).toMatch(/route api\.pix\.test\S+ leads to \S+ → deleted stop not read → active/);
  });
});

/** By hand, with wrangler. */
async function resetDeployment(): Promise<void> {
  const { worker } = stage.account;
  const [first] = worker.deployments.slice(-1);
  if (first !== undefined) await worker.deploy(first.split);
}
const future = () => new Date(Date.now() + 1_000).toISOString();
const lateConfig = () =>
  JSON.stringify({
    canary_percent: 10,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated: future(),
  });

const YES = ["--reason", "fixed", "--yes"];

describe("restore", () => {
  test("puts the version back under the stop, and only another restore releases that", async () => {
    await say("not-aus", "--via", "version");
    const down = await say("restore", ...YES);
    expect([down.code, down.said]).toEqual([
      0,
      expect.stringContaining("the Worker is back, and the stop is in force"),
    ]);
    expect(live()).toEqual(before);
    expect(await marks()).toEqual(Array(2).fill("1;tag=B2a;cohort=proxy;reason=emergency"));
    const [first, second] = await Promise.all([say("status"), say("history")]);
    expect(first.said).not.toContain("proxy-only");
    expect(second.said).toContain("put back");
    const up = await say("restore", "--to", "10", ...YES, "--force");
    expect([up.code, up.said]).toEqual([0, expect.stringContaining("released")]);
    expect(stopIsStored(sandbox())).toBe(false);
  });

  test("lets no location serve native that has not read the stop: the version waits at 0 %", async () => {
    sandbox().control.setKv({ location: "AMS", frozen: true });
    await say("not-aus", "--via", "version");
    const { code, said } = await say("restore", ...YES, "--timeout", "3");
    expect([code, said]).toEqual([
      21,
      expect.stringContaining("which serves no visitor yet, to obey the stop"),
    ]);
    expect(live()).toEqual([
      [prepared().id, 100],
      [before?.[0]?.[0], 0],
    ]);
    expect(await marks()).toEqual(Array(2).fill("1;tag=none;cohort=proxy;reason=emergency"));
    sandbox().control.setKv({ location: "AMS", frozen: false, catchUp: true });
    expect((await say("restore", ...YES)).code).toBe(0);
    expect(live()).toEqual(before);
  });

  test("sets a stop first where KV took none", async () => {
    const { control } = sandbox();
    await control.addFault({ kind: "server-error", match: { pathContains: "/storage/kv/" } });
    const taken = await say("not-aus", "--via", "version", "--timeout", "3");
    expect(taken.said).toContain("the stop is not confirmed");
    expect(live()).toEqual([[prepared().id, 100]]);
    await control.clearFaults();
    expect(stopIsStored(sandbox())).toBe(false);
    const { code, said } = await say("restore", ...YES);
    expect([code, said]).toEqual([0, expect.stringContaining("the stop is in force")]);
    expect(stopIsStored(sandbox())).toBe(true);
  });

  test("puts the route back before the version, each proved", async () => {
    await say("not-aus", "--via", "version");
    await say("not-aus", "--via", "route", "--confirm-route", PATTERN);
    expect(routes()).toEqual([]);
    const { code, said } = await say("restore", ...YES);
    expect([code, said]).toEqual([
      0,
      expect.stringMatching(/route .* is back .*version .* as before/),
    ]);
    expect([routes(), live()]).toEqual([[PATTERN], before]);
    expect(await marks()).toEqual(Array(2).fill("1;tag=B2a;cohort=proxy;reason=emergency"));
  });

  test("of the route alone waits until the stop is old enough to be everywhere", async () => {
    await say("not-aus", "--via", "route", "--confirm-route", PATTERN);
    const young = await say("restore", ...YES);
    expect([young.code, young.said]).toEqual([
      21,
      expect.stringContaining("locations may not have read it yet"),
    ]);
    expect(routes()).toEqual([]);
    const { store } = sandbox().control;
    const stop = JSON.parse(store.text("stop") ?? "{}") as object;
    const at = new Date(Date.now() - 130_000).toISOString();
    store.put("stop", JSON.stringify({ ...stop, at }));
    // An older stop beside a rung that was taken just now does not make that rung older.
    expect((await say("restore", ...YES)).code).toBe(21);
    const mirror = JSON.parse(store.text("config") ?? "{}") as object;
    store.put("config", JSON.stringify({ ...mirror, last_updated: at }));
    expect((await say("restore", ...YES)).code).toBe(0);
    expect(routes()).toEqual([PATTERN]);
  });

  test("without a journal looks at the account's own history", async () => {
    await say("not-aus", "--via", "version");
    await stage.forgetJournal();
    const { code } = await say("restore", ...YES);
    expect([code, live()]).toEqual([0, before]);
  });

  test("does not bring old secrets back without being told", async () => {
    const { worker } = stage.account;
    const [newest] = worker.versions;
    const qaToken = stage.account.secrets.get("QA_TOKEN") ?? "";
    await say("not-aus", "--via", "version");
    // Somebody sets a secret by a version of their own while the proxy-only one serves.
    const other = worker.add("pix-sandbox", prepared().upload, {
      secrets: { URL_SIGNING_KEY: "k".repeat(44), QA_TOKEN: qaToken },
      annotations: { tag: PROXY_ONLY_TAG, triggeredBy: "upload" },
    });
    await worker.deploy([{ version: other, percentage: 100 }]);
    const { code, said } = await say("restore", ...YES);
    expect([code, said]).toEqual([
      25,
      expect.stringContaining("secrets have changed: URL_SIGNING_KEY"),
    ]);
    expect(live()).toEqual([[other.id, 100]]);
    expect((await say("restore", ...YES, "--force")).code).toBe(0);
    expect(live()?.[0]?.[0]).toBe(newest?.id);
  });
});

describe("status and history", () => {
  test("name what is taken, and send nobody round in a circle", async () => {
    await say("not-aus", "--via", "version");
    const status = await say("status");
    expect(status.said).toContain(
      "! EMERGENCY by the proxy-only version, until restore: all traffic is on proxy",
    );
    expect(status.said).toMatch(/proxy-only version [\da-f]{8} deployed by [^,]+, until restore/);
    expect(status.said).toMatch(/FRA emergency \(proxy-only version\)/);
    expect(status.said).toMatch(/→ next: pixcanary restore /);
    const proved = await say("verify");
    expect([proved.code, proved.said]).toEqual([
      0,
      expect.stringMatching(/EMERGENCY by the proxy-only version.*→ next: pixcanary restore /),
    ]);
    const examined = await say("doctor");
    expect(examined.said).toMatch(/! \/qa FRA EMERGENCY by the proxy-only version since/);
    expect(examined.said).toContain("beacon not checked: see proxy-only");
    expect(examined.said).not.toMatch(/bind (BEACON|KV_CANARY_CONFIG)/);

    await say("not-aus", "--via", "route", "--confirm-route", PATTERN);
    const both = await say("status");
    expect(both.said).toContain(
      `EMERGENCY by the deleted route ${PATTERN} and the proxy-only version, until restore`,
    );
    expect(both.said).toMatch(/route api\.pix\.test\/\* deleted by [^,]+, until restore/);
    expect((await say("verify")).code).toBe(0);
    const routeless = await say("doctor");
    expect(routeless.said).toContain(`route ${PATTERN} is deleted: a rung that`);
    expect(routeless.said).not.toContain("qaUrls in pixcanary.json");
    const history = (await say("history")).said;
    expect(history).toContain("--via version");
    expect(history).toContain("--via route");
  });

  test("do not call a rung taken that was put back by hand", async () => {
    await say("not-aus", "--via", "version");
    await resetDeployment();
    const { said } = await say("status");
    expect(said).toMatch(/! EMERGENCY: all traffic is on proxy/);
    expect(said).toMatch(/deployed by [^,]+, and put back since, by hand/);
  });

  test("call a rung what keeps a released state from being live", async () => {
    await say("not-aus", "--via", "version");
    sandbox().control.store.put("stop", JSON.stringify({ active: false, at: future() }));
    sandbox().control.store.put("config", lateConfig());
    const { code, said } = await say("verify");
    expect([code, said]).toEqual([20, expect.stringContaining("a rung of the ladder is taken")]);
    expect(said).toContain("FRA: the proxy-only version answers, until restore");
    expect(said).toMatch(/→ next: pixcanary restore /);
  });
});
