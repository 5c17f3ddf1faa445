/** One sandbox for a file of tests of the ladder: its routes, versions and journal, and the program as it is typed. */
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { PROXY_ONLY_TAG } from "../../src/domain/ladder/proxy-only.ts";
import type { Sandbox } from "../../src/sandbox/index.ts";
import { ensureCli } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { untilReady } from "../support/live.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { type Lane, resetLane, startLane, tokenEnv, writeConfig } from "./lane.ts";

type Account = Sandbox["control"]["account"];

export interface LadderStage {
  readonly lane: Lane;
  readonly account: Account;
  /** The path of its pixcanary.json. */
  readonly config: string;
  /** The patterns of all routes. */
  routes(): string[];
  /** The prepared proxy-only version. */
  prepared(): Account["worker"]["versions"][number];
  /** What is deployed: ids of versions, and their percent. */
  live(): [string, number][] | undefined;
  /** Its output as one line: where it wraps is not what these tests show. */
  say(...words: string[]): Promise<{ code: number | null; said: string }>;
  /** Neither the account nor this machine has any of the journal. */
  forgetJournal(): Promise<void>;
}

/** To be called once, at the top of a file. Each test begins without a journal, and with the one route. */
export function ladderStage(): LadderStage {
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

  const account = () => lane.sandbox.control.account;
  async function forgetJournal(): Promise<void> {
    const { store } = lane.sandbox.control;
    const { keys } = store.list({ prefix: "journal/", limit: 1_000 });
    for (const { name } of keys) store.delete(name);
    home = await mkdtemp(join(lane.dir, "home-"));
  }
  beforeEach(async () => {
    await resetLane(lane);
    account().zones.list[0]?.routes.splice(1);
    await forgetJournal();
  });

  return {
    get lane() {
      return lane;
    },
    get account() {
      return account();
    },
    get config() {
      return config;
    },
    routes: () => account().zones.list.flatMap((zone) => zone.routes.map((one) => one.pattern)),
    prepared() {
      const { versions } = account().worker;
      const found = versions.find(({ annotations }) => annotations.tag === PROXY_ONLY_TAG);
      if (found === undefined) throw new Error("no proxy-only version");
      return found;
    },
    live: () =>
      account().worker.deployments[0]?.split.map((one) => [one.version.id, one.percentage]),
    async say(...words) {
      const env = { ...lane.env, ...tokenEnv(lane.sandbox), HOME: home, XDG_STATE_HOME: home };
      const given = { env, clock: patientClock() };
      const { code, stdout, stderr } = await runHere([...words, "--config", config], given);
      return { code, said: (stdout + stderr).replaceAll(/\s+/g, " ") };
    },
    forgetJournal,
  };
}
