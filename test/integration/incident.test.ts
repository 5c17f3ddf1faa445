/** An incident by commands alone against a sandbox: its report is what the sandbox knows. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { BLOBS, DOUBLES } from "../../src/domain/metrics/point.ts";
import type { SandboxControl, TrafficInput } from "../../src/sandbox/index.ts";
import { patientClock, runHere } from "../support/here.ts";
import { untilLive, untilReady } from "../support/live.ts";
import { AMPLE_S, PATIENCE } from "../support/patience.ts";
import { ensureBundle } from "../worker/bundle.ts";
import type { Lane } from "./lane.ts";
import { configText, resetLane, startLane, stopIsStored, tokenEnv, writeConfig } from "./lane.ts";

const VISITORS: TrafficInput = {
  visitors: 40,
  ratePerS: 22,
  mix: { upload: 1, jobs: 1, other: 0 },
  actionsPerVisitor: 4,
};
/** Samples of seconds, not of minutes, so that a rule fails within a test. */
const POLICY = {
  bucketSeconds: 1,
  settleSeconds: 0,
  minNativeRequests: 1,
  p90OverProxyCritical: { limitPercent: 1_000_000, minNativeRequests: 1 },
  p90OverProxyWarning: { limitPercent: 1_000_000, minNativeRequests: 1 },
  p90Warning: { limitMs: 60_000, minNativeRequests: 1 },
};

let lane: Lane;
let control: SandboxControl;
let config: string;
let env: Record<string, string>;

beforeAll(async () => {
  await ensureBundle();
  lane = await startLane({ locations: ["FRA"], logs: true });
  control = lane.sandbox.control;
  await untilReady(lane.sandbox.description);
  const { logsBucket } = lane.sandbox.description;
  const more = { dataset: "canary_requests", logsBucket, logsPrefix: "b2a", policy: POLICY };
  config = await writeConfig(lane, more);
  env = { ...lane.env, ...tokenEnv(lane.sandbox), PIXCANARY_ACTOR: "oncall@laptop" };
});
afterAll(() => lane?.close());
beforeEach(() => resetLane(lane));

interface Answer {
  code: number | null;
  stdout: string;
  stderr: string;
}

function run(words: string, more: readonly string[] = [], given = env): Promise<Answer> {
  const all = [...words.split(" "), ...more, "--config", config, "--timeout", AMPLE_S];
  return runHere(all, { env: given, cwd: lane.dir, clock: patientClock() });
}

async function done(words: string, more: readonly string[] = [], given = env): Promise<string> {
  const { code, stdout, stderr } = await run(words, more, given);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return stdout;
}

interface Seen {
  atMs: number;
  value: (name: (typeof BLOBS)[number] | (typeof DOUBLES)[number]) => string | number;
}

/** As the Workers wrote them: requests of visitors that were answered. */
function requests(): Seen[] {
  return control
    .points()
    .map(({ atMs, blobs, doubles }) => ({
      atMs,
      value: (name: string) =>
        blobs[BLOBS.indexOf(name as never)] ?? doubles[DOUBLES.indexOf(name as never)] ?? "",
    }))
    .filter(({ value }) => value("kind") === "request" && value("route") !== "/qa")
    .filter(({ value }) => value("status") !== 499);
}

const failedIn = (seen: readonly Seen[]): number =>
  seen.filter(({ value }) => Number(value("status")) >= 500).length;
const comma = (value: number): string => value.toLocaleString("en-GB");

describe("an incident", () => {
  test("from fault to report: the document is what the sandbox knows, and people keep what they write", async () => {
    control.store.put("config", configText(50, { revision: "START" }));
    await untilLive(lane.sandbox.description, { revision: "START" });
    await control.forgetPoints();
    const opened = await done("incident open", ["uploads", "fail"]);
    const id = /INC-[0-9A-Z]{10}/.exec(opened)?.[0] ?? "";
    expect(opened).toContain(`✔ incident open: ${id} (critical): uploads fail`);
    expect((await run("incident open", ["another"])).code).toBe(25);

    control.setNative({ errorShare: 1 });
    await control.startTraffic(VISITORS);
    const named = async () =>
      expect((await run("assess")).stdout).toMatch(/^✖ fail +error rate, critical/m);
    await vi.waitFor(named, PATIENCE);
    await done("not-aus", ["--reason", "5xx spike"]);
    expect(stopIsStored(lane.sandbox)).toBe(true);
    await done("incident note", ["database pool exhausted | <b>@here</b>"]);
    control.setNative({ errorShare: 0 });
    await done("restore", ["--to", "50", "--reason", "pool is larger", "--yes"]);
    await control.stopTraffic();
    await control.trafficSettled();
    await control.setLogs({ flush: true });
    await done("logs pull", ["--since", "1h", "--out", "pulled"]);
    const closed = await done("incident close", ["--logs", "pulled"]);
    expect(closed).toContain(`✔ incident close: ${id} closed; report written`);

    const folder = join(lane.dir, "docs/INCIDENTS");
    const names = (await readdir(folder)).sort();
    const day = new Date().toISOString().slice(0, 10);
    expect(names).toEqual([
      `${day}_b2a_incident.md`,
      `${day}_b2a_incident_error-rate.svg`,
      `${day}_b2a_incident_share.svg`,
    ]);
    const path = join(folder, names[0] ?? "");
    const text = await readFile(path, "utf8");
    expectNumbers(text);
    expectActions(text, id);
    await expectKept(path, text, id);
  });
});

/** By cohort: requests, failed, new visitors; and the errors of the logs, which are all of native's. */
function expectNumbers(text: string): void {
  const all = requests();
  const failed = failedIn(all);
  expect(failed).toBeGreaterThan(0);
  expect(text).toContain(`${comma(failed)} of ${comma(all.length)} requests failed (`);
  for (const cohort of ["native", "proxy"]) {
    const own = all.filter(({ value }) => value("cohort") === cohort);
    const drawn = own.filter(({ value }) => value("reason") === "sampled");
    expect(text).toMatch(
      new RegExp(
        `^\\| ${cohort} \\| ${comma(own.length)} \\| ${comma(failedIn(own))} \\| .* \\| ${comma(drawn.length)} \\| ${failedIn(drawn)} \\|$`,
        "m",
      ),
    );
  }
  const [, count, ray] =
    /^\| ([\d,]+) \(100 %\) \| TypeError.* \| ([0-9a-f]{16}) \|$/m.exec(text) ?? [];
  expect(count).toBe(comma(failed));
  expect(control.logLines().join("\n")).toContain(String(ray));
}

function expectActions(text: string, id: string): void {
  expect(text).toMatch(
    /^\| \S+Z \| not-aus \| 50 % → STOP \| oncall@laptop \| 5xx spike \| live at FRA in [\d.]+ s \| [\d.]+ s \|$/m,
  );
  expect(text).toMatch(
    /^\| \S+Z \| restore \| STOP → 50 % \| oncall@laptop \| pool is larger \| live/m,
  );
  const timeline = text.split("## Timeline")[1]?.split("## Root Cause")[0] ?? "";
  const parts = [
    // Either may be the first: a finding begins with the start of its second.
    /error rate, critical: over 3 %, up to |incident INC-\S+ opened by oncall@laptop/.exec(
      timeline,
    )?.[0] ?? "?",
    "NOT-AUS 50 % → STOP by oncall@laptop: 5xx spike (live at FRA in ",
    "database pool exhausted &#124; &lt;b&gt;@<!-- -->here&lt;/b&gt; (oncall@laptop)",
    "restore STOP → 50 % by oncall@laptop: pool is larger (live at FRA in ",
    "incident closed by oncall@laptop",
  ];
  expect(timeline).toContain(`incident ${id} opened by oncall@laptop`);
  expect(timeline).toContain("error rate, critical: over 3 %, up to ");
  const places = parts.map((part) => timeline.indexOf(part));
  expect(places, timeline).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  const entries = [...timeline.matchAll(/^- \*\*([\d:]{8})\*\*/gm)].map(([, time]) => time);
  expect(entries).toEqual(entries.toSorted());
}

/** What people fill in stays; what this machine alone knows, without a network, takes the place of nothing. */
async function expectKept(path: string, text: string, id: string): Promise<void> {
  const filled = text
    .replace("[fill in: name]", "Ada")
    .replace(/\[fill in: what failed[^\]]*\]/, "A pool of 10.\r\n\tSecond line, ünïcode ⚡");
  await writeFile(path, filled);
  // The newest seconds are measured later: a run may know more than the one before, until none does.
  const renew = async () =>
    expect(await done("incident close", ["--logs", "pulled"])).toContain(
      `✔ incident close: ${id} was closed before; report unchanged`,
    );
  await vi.waitFor(renew, PATIENCE);
  const whole = await readFile(path, "utf8");
  expect(withoutBlocks(whole)).toBe(withoutBlocks(filled));

  await done("incident note", ["written later", "--incident", id]);
  const { stdout } = await run("incident close", [], { ...lane.env, PIXCANARY_ACTOR: "x@y" });
  expect(stdout).toContain("! impact    left as an earlier run wrote it, which knew more");
  expect(await readFile(path, "utf8")).toBe(whole);

  await done("incident close", ["--logs", "pulled"]);
  const renewed = await readFile(path, "utf8");
  expect(renewed).toContain("written later (oncall@laptop)");
  expect(withoutBlocks(renewed)).toBe(withoutBlocks(filled));
}

function withoutBlocks(document: string): string {
  return document.replace(/<!-- pixcanary:begin[\s\S]*?<!-- pixcanary:end [a-z-]+ -->/g, "");
}

describe("without a token and a network", () => {
  test("opening, noting and closing work from this machine, and say what they do not know", async () => {
    const offline = {
      ...lane.env,
      XDG_STATE_HOME: join(lane.dir, "offline"),
      PIXCANARY_ACTOR: "oncall@laptop",
    };
    const out = ["--out", "offline-reports"];
    const opened = await run("incident open", ["no", "network"], offline);
    expect(opened.code).toBe(0);
    expect(opened.stderr).toContain("no API token");
    await done("incident note", ["typed in a train"], offline);
    const message = await done("incident message slack", [], offline);
    expect(message).toContain("Impact: not known: ");
    const closed = await done("incident close", out, offline);
    expect(closed).toContain("? not known: impact: ");
    expect(closed).toContain("? not known: journal: ");
    const [name = ""] = await readdir(join(lane.dir, "offline-reports"));
    const text = await readFile(join(lane.dir, "offline-reports", name), "utf8");
    expect(text).toContain("typed in a train (oncall@laptop)");
    expect(text).toContain("**Impact:** not known: ");
    // Nothing of it has reached KV, nor anything else.
    expect(lane.written).toEqual([]);
  });
});
