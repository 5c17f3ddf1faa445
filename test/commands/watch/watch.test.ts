/**
 * `watch` and `status` as an operator runs them, on a sandbox with metrics: in a process of its own where a
 * signal, a terminal or a pipe is shown.
 */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { watch } from "../../../src/commands/watch/watch.ts";
import { STATE_KEYS } from "../../../src/domain/state/state.ts";
import { widthOf } from "../../../src/domain/text/width.ts";
import type { Lane } from "../../integration/lane.ts";
import { oneLane, tokenEnv, writeConfig } from "../../integration/lane.ts";
import { NODE, PROGRAM, runCli } from "../../support/cli.ts";
import { patientClock, runHere } from "../../support/here.ts";
import { HANG_MS, PATIENCE } from "../../support/patience.ts";

/** Each try is a whole run. */
const RARELY = { ...PATIENCE, interval: 200 };
const METRICS = { dataset: "canary_requests", policy: { bucketSeconds: 1, settleSeconds: 0 } };

let lane: Lane;
let config = "";
oneLane((own) => {
  lane = own;
});
beforeAll(async () => {
  config = await writeConfig(lane, METRICS);
});

const env = () => ({ ...lane.env, ...tokenEnv(lane.sandbox) });
const run = (...args: string[]) => runHere([...args, "--config", config], { env: env() });
/** Where all that is asked answers. */
const patiently = (...args: string[]) =>
  runHere([...args, "--config", config], { env: env(), clock: patientClock() });
const control = () => lane.sandbox.control;

/** Waits for what a watch says on its standard output. */
function listener() {
  let said = "";
  return {
    onOut: (chunk: Buffer | string) => {
      said += chunk.toString();
    },
    says: (pattern: RegExp) => expect.poll(() => said, PATIENCE).toMatch(pattern),
  };
}

function watchProcess() {
  const { onOut, says } = listener();
  let child: ChildProcess | null = null;
  const ended = runCli(["watch", "--config", config], {
    env: env(),
    onStart: (started) => {
      child = started;
      started.stdout?.on("data", onOut);
    },
  });
  return { ended, says, end: (signal: NodeJS.Signals) => child?.kill(signal) };
}

function watchHere(...args: string[]) {
  const { onOut, says } = listener();
  const interrupt = new AbortController();
  const given = { env: env(), onOut, interrupt: interrupt.signal, clock: patientClock() };
  const ended = runHere(["watch", ...args, "--config", config], given);
  return { ended, says, end: (signal: NodeJS.Signals) => interrupt.abort(signal) };
}

describe("watch without a terminal", () => {
  test("tells a lower share and a stop as they happen, once each, and ends with Ctrl-C", async () => {
    const watching = watchProcess();
    await watching.says(/^ {2}\S+Z {2}live {6}FRA 10 %$/m);
    await patiently("reduce", "--to", "5", "--reason", "p90 above proxy");
    await watching.says(/^ {2}\S+Z {2}state {5}5 % of new visitors .* "p90 above proxy"$/m);
    await watching.says(/^ {2}\S+Z {2}live {6}FRA 5 %$/m);
    await patiently("not-aus", "--reason", "5xx \u001b[31mspike");
    await watching.says(/^! \S+Z {2}state {5}EMERGENCY since .*5xx \\x1b\[31mspike$/m);
    await watching.says(/^ {2}\S+Z {2}live {6}FRA emergency$/m);
    await watching.says(/^ {2}\S+Z {2}journal .* reduce {2}10 % → 5 %/m);
    watching.end("SIGINT");
    const { code, stdout, stderr } = await watching.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/interrupted[\s\S]*nothing was changed/);
    expect(stdout).not.toContain("\u001b");
    expect(stdout.match(/EMERGENCY/g)).toHaveLength(1);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.filter((line) => !/^[✔✖!? ] \d\d:\d\d:\d\dZ {2}\w+ /.test(line))).toEqual([]);
  });

  test("--json tells one document per line, the last one how it ended", async () => {
    const watching = watchHere("--json");
    // Each of its questions is answered when it is: the state may come first or last.
    await watching.says(/"FRA 10 %"/);
    await watching.says(/"kind":"state"/);
    watching.end("SIGINT");
    const { code, stdout } = await watching.ended;
    expect(code).toBe(130);
    const documents = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(documents.at(-1)).toMatchObject({
      schema: 1,
      command: "watch",
      outcome: "interrupted",
      exit_code: 130,
      changes: documents.length - 1,
    });
    expect(documents).toContainEqual(
      expect.objectContaining({ schema: 1, kind: "state", mark: " " }),
    );
    expect(documents).toContainEqual(expect.objectContaining({ kind: "live", text: "FRA 10 %" }));
  });

  test("--for ends it by itself", async () => {
    const { code, stdout } = await run("watch", "--json", "--for", "1s");
    expect(code).toBe(0);
    const last = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    expect(last).toMatchObject({ command: "watch", outcome: "done", exit_code: 0 });
  });

  test("ends quietly with its reader, as in `watch | head -1`", async () => {
    const { code, stdout, stderr } = await runCli(["watch", "--config", config], {
      env: env(),
      wrap: (words) => ["bash", "-o", "pipefail", "-c", '"$@" | head -1', "bash", ...words],
    });
    expect({ code, lines: stdout.split("\n").length - 1 }).toEqual({ code: 0, lines: 1 });
    expect(stderr.trimEnd().split("\n")).toEqual([expect.stringMatching(/^watch → sandbox /)]);
  });

  test("SIGTERM ends it with 143", async () => {
    const watching = watchHere();
    await watching.says(/live/);
    watching.end("SIGTERM");
    expect(await watching.ended).toMatchObject({ code: 143 });
  });

  test("an interval that the budget could not bear is refused", async () => {
    const { code, stderr } = await run("watch", "--interval", "5");
    expect(code).toBe(2);
    expect(stderr).toMatch(/--interval must be a number of seconds from 10 to 300/);
  });

  test.each([
    [{ for: "30s" }, { for: 30_000, interval: 10_000 }],
    [
      { for: "2h", interval: "60" },
      { for: 7_200_000, interval: 60_000 },
    ],
    [{ for: "5" }, { for: 5_000, interval: 10_000 }],
    [{ for: "later" }, null],
    [{ for: "0s" }, null],
    [{ interval: "301" }, null],
    [{ interval: "1e1" }, null],
  ])("%j means %j", (given, meant) => {
    expect(watch.input.safeParse(given).data ?? null).toEqual(meant);
  });
});

describe("what it asks of the API", () => {
  // However long the first round takes, there is no second one.
  const oneRound = () => watchHere("--interval", "300");

  test("is no more than its budget counts on", async () => {
    const watching = oneRound();
    const requests = () => control().requests();
    const questions = () => requests().filter(({ path }) => path.endsWith("/sql"));
    const answered = () => questions().filter(({ status }) => status === 200).length;
    await expect.poll(answered, PATIENCE).toBeGreaterThanOrEqual(5);
    watching.end("SIGINT");
    await watching.ended;
    // State 4, health 3, share and locations 2, journal twice (again once the state is known) at most 5 each.
    expect(requests().length).toBeLessThanOrEqual(19);
    expect(questions()).toHaveLength(5);
  });

  test("is asked once, not again, when the API fails; and the failure is told with its reason", async () => {
    await control().setFaults([{ kind: "server-error", status: 503 }]);
    const watching = oneRound();
    await watching.says(/^! \S+Z {2}data {6}state unavailable: .*HTTP 503/m);
    await watching.says(/^! \S+Z {2}data {6}metrics unavailable: .*HTTP 503/m);
    // What still answers is still told.
    await watching.says(/live {6}FRA 10 %/);
    watching.end("SIGINT");
    expect(await watching.ended).toMatchObject({ code: 130 });
    expect(control().requests().length).toBeLessThanOrEqual(STATE_KEYS.length + 3 + 1);
  });
});

/** On a terminal of its own; types Ctrl-C once the view is complete. */
function onTerminal(size: string, more: Record<string, string> = {}) {
  const words = [NODE, PROGRAM, "watch", "--config", config];
  const line = words.map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", `stty ${size}; exec ${line}`, "/dev/null"], {
    env: { ...env(), TERM: "xterm", LANG: "C.UTF-8", ...more },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let screen = "";
  let typed = false;
  child.stdout.on("data", (chunk: Buffer) => {
    screen += chunk.toString("utf8");
    if (typed || !/journal (?!–)\d/.test(screen) || !/locations \d/.test(screen)) return;
    typed = true;
    child.stdin.write("\u0003");
  });
  return new Promise<{ code: number | null; screen: string }>((resolve, reject) => {
    const limit = setTimeout(() => child.kill("SIGKILL"), HANG_MS);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(limit);
      resolve({ code, screen });
    });
  });
}

describe("watch on a terminal", () => {
  const ESC = "\u001b";
  const HIDE = `${ESC}[?25l`;
  const SHOW = `${ESC}[?25h`;

  test("Ctrl-C leaves the last view, a visible cursor and exit 130", async () => {
    const { code, screen } = await onTerminal("cols 100 rows 30");
    expect(code, screen).toBe(130);
    expect(screen).toContain(HIDE);
    expect(screen.lastIndexOf(SHOW)).toBeGreaterThan(screen.lastIndexOf(HIDE));
    const after = screen.slice(screen.indexOf(SHOW, screen.indexOf(HIDE)));
    expect(after).toMatch(/interrupted[\s\S]*nothing was changed/);
    // Nothing is erased or drawn over once it has ended.
    expect(after).not.toMatch(new RegExp(`${ESC}\\[\\d*[AJKHF]`));
    // Neither an alternate screen nor any other mode is left on.
    expect(screen).not.toContain("\u001b[?1049h");
    expect(screen.split("\u001b[?2026h")).toHaveLength(screen.split("\u001b[?2026l").length);
  });

  test("NO_COLOR and a locale without UTF-8 are obeyed", async () => {
    const { code, screen } = await onTerminal("cols 80 rows 24", { NO_COLOR: "1", LANG: "C" });
    expect(code, screen).toBe(130);
    expect(screen).not.toMatch(new RegExp(`${ESC}\\[[\\d;]*m`));
    const from = screen.indexOf("Ctrl-C to stop");
    const drawn = screen.slice(from, screen.indexOf(SHOW, from));
    expect([...drawn].filter((char) => char > "\u007f")).toEqual([]);
    expect(drawn).toContain("> next: pixcanary doctor");
  });
});

describe("status", () => {
  const json = async (...args: string[]) => {
    const result = await patiently("status", "--json", ...args);
    return { code: result.code, data: JSON.parse(result.stdout) as Record<string, unknown> };
  };

  test("says what is configured and what is achieved, and what to do next", async () => {
    await control().runUploadFlows({ count: 20, concurrency: 10, keepCookies: true });
    await vi.waitFor(async () => {
      const { code, data } = await json();
      expect(code).toBe(0);
      expect(data).toMatchObject({
        emergency: false,
        config: { canary_percent: 10 },
        stop: expect.anything(),
        live: [{ location: "FRA", current: true }],
        share: { configured: 10, sampled: 20, verdict: expect.stringMatching(/pass|inconclusive/) },
        health: { verdict: expect.any(String), findings: expect.any(Array) },
      });
    }, RARELY);
    const { code, stdout } = await patiently("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}achieved {2}[\d.]+ % of 20 new visitors/m);
    expect(stdout).toMatch(/^ {2}affected {2}[\d.]+ % of [3-9]\d requests/m);
    const lines = stdout.split("\n").filter((line) => !line.startsWith("→"));
    expect(lines.filter((line) => widthOf(line) > 80)).toEqual([]);
  });

  test.each([
    ["fail", { kind: "server-error", status: 503 }, /HTTP 503/],
    ["hang", { kind: "hang" }, /no answer within 5 s/],
  ] as const)("answers all the same when the metrics %s", async (_, fault, why) => {
    await control().setFaults([{ ...fault, match: { pathContains: "analytics_engine" } }]);
    const { code, stdout } = await run("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\? no data on native's health: /);
    expect(stdout).toMatch(why);
    expect(stdout).toMatch(/^ {2}achieved {2}no data \(/m);
    expect(stdout).toMatch(/^ {2}share {5}10 % of new visitors/m);
    expect(stdout).toMatch(/^→ next: pixcanary doctor /m);
  });

  test("begins with an emergency, and names it once it is on", async () => {
    await patiently("not-aus", "--reason", "5xx spike");
    const { code, stdout } = await patiently("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^! EMERGENCY: all traffic is on proxy \(the legacy origin\) since\s/);
    expect(stdout.replace(/\s+/g, " ")).toContain("5xx spike");
    expect(stdout).toMatch(
      /^ {2}achieved {2}no data \(an emergency is on: no visitor is sampled\)/m,
    );
    expect(stdout).toMatch(/^→ next: pixcanary verify .* --fleet$/m);
  });
});
