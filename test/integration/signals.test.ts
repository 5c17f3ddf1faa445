/** Ctrl-C and SIGTERM at each stage: the exit code names the signal, and what is said is true. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { describe, expect, test, vi } from "vitest";
import type { FaultRuleInput } from "../../src/sandbox/index.ts";
import { NODE, PROGRAM, runCli } from "../support/cli.ts";
import { HANG_MS, PATIENCE } from "../support/patience.ts";
import type { Lane } from "./lane.ts";
import { oneLane, stopIsStored, storedState, tokenEnv } from "./lane.ts";

let lane: Lane;
let config = "";
oneLane((own, path) => {
  lane = own;
  config = path;
});

const env = () => ({ ...lane.env, ...tokenEnv(lane.sandbox) });
const asked = (method: string): boolean =>
  lane.sandbox.control.requests().some((request) => request.method === method);

interface Interruption {
  args: readonly string[];
  fault?: FaultRuleInput;
  signal?: NodeJS.Signals;
  /** The moment to interrupt. */
  when: () => boolean;
}

function interrupt({ args, signal = "SIGINT", when }: Interruption) {
  return runCli([...args, "--config", config], {
    env: env(),
    onStart: (child: ChildProcess) => {
      void vi
        .waitUntil(when, PATIENCE)
        .catch(() => undefined)
        .finally(() => child.kill(signal));
    },
  });
}

const DELAYED: FaultRuleInput = { kind: "hang" };

describe("one Ctrl-C", () => {
  test("while reading: nothing was written", async () => {
    await lane.sandbox.control.setFaults([DELAYED]);
    const result = await interrupt({ args: ["reduce"], when: () => asked("GET") });
    expect(result).toMatchObject({ code: 130 });
    expect(result.stderr).toMatch(/interrupted[\s\S]*nothing was written/);
    expect(lane.written).toEqual([]);
  });

  test("during the write of a stop, which arrived: the answer is lost, and that is what it says", async () => {
    await lane.sandbox.control.setFaults([{ kind: "lost-answer", match: { method: "PUT" } }]);
    lane.sandbox.control.setKv({ frozen: true });
    const result = await interrupt({ args: ["not-aus"], when: () => stopIsStored(lane.sandbox) });
    expect(result).toMatchObject({ code: 130 });
    expect(result.stderr).toMatch(/the stop (may be written|is stored)/);
    expect(result.stderr).not.toMatch(/nothing (is known to be|was) written/);
    expect(result.stderr).toMatch(/kv key put/);
  });

  test("during the write of a stop, which did not arrive: it does not say stopped", async () => {
    await lane.sandbox.control.setFaults([{ kind: "hang", match: { method: "PUT" } }]);
    const result = await interrupt({ args: ["not-aus"], when: () => asked("PUT") });
    expect(result).toMatchObject({ code: 130 });
    expect(result.stderr).toMatch(/may be written \(no answer from the API\), emergency seen at 0/);
    expect(stopIsStored(lane.sandbox)).toBe(false);
  });

  test("during the verification of a stop: it is stored, and not live", async () => {
    lane.sandbox.control.setKv({ frozen: true });
    const result = await interrupt({
      args: ["not-aus", "--json", "--timeout", "30"],
      when: () =>
        lane.sandbox.control.requests().filter(({ status }) => status === 200).length >= 4,
    });
    expect(result).toMatchObject({ code: 130 });
    expect(JSON.parse(result.stdout)).toMatchObject({
      outcome: "interrupted",
      exit_code: 130,
      signal: "SIGINT",
      truth: expect.stringMatching(/the stop is (stored|written), emergency seen at 0 of 1/),
    });
  });

  test("during the verification of a reduction", async () => {
    lane.sandbox.control.setKv({ frozen: true });
    const result = await interrupt({
      args: ["reduce", "--to", "5"],
      when: () => storedState(lane.sandbox).config.kind === "valid" && lane.written.length > 0,
    });
    expect(result).toMatchObject({ code: 130 });
    expect(result.stderr).toMatch(/5 % is (possibly )?stored, not yet live everywhere/);
  });

  test("during a restore that waits for its config: the stop is not released", async () => {
    await runCli(["not-aus", "--config", config], { env: env() });
    lane.sandbox.control.setKv({ frozen: true });
    lane.written.length = 0;
    const args = ["restore", "--to", "10", "--reason", "x", "--yes", "--force"];
    const result = await interrupt({ args, when: () => lane.written.includes("config") });
    expect(result).toMatchObject({ code: 130 });
    expect(stopIsStored(lane.sandbox)).toBe(true);
    expect(result.stderr).toMatch(/interrupted/);
  });
});

test("SIGTERM ends with 143", async () => {
  await lane.sandbox.control.setFaults([{ kind: "hang", match: { method: "PUT" } }]);
  const result = await interrupt({
    args: ["not-aus"],
    signal: "SIGTERM",
    when: () => asked("PUT"),
  });
  expect(result).toMatchObject({ code: 143 });
});

test("a second Ctrl-C leaves at once, without a report", async () => {
  await lane.sandbox.control.setFaults([DELAYED]);
  const result = await runCli(["not-aus", "--config", config], {
    env: env(),
    onStart: (child) => {
      void vi
        .waitUntil(() => asked("PUT"), PATIENCE)
        .then(() => {
          child.stderr?.on("data", (chunk: Buffer) => {
            if (chunk.includes("Ctrl-C again")) child.kill("SIGINT");
          });
          child.kill("SIGINT");
        });
    },
  });
  expect(result).toMatchObject({ code: 130, stdout: "" });
  expect(result.stderr).not.toMatch(/now {2}/);
});

/** Runs the program on a terminal of its own and types when the question is there. */
function typeAtPrompt(keys: string): Promise<{ code: number | null; screen: string }> {
  const words = [
    NODE,
    PROGRAM,
    "restore",
    "--to",
    "50",
    "--reason",
    "x",
    "--force",
    "--config",
    config,
  ];
  const line = words.map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", `stty cols 120 rows 40; exec ${line}`, "/dev/null"], {
    env: { ...env(), CI: "", TERM: "xterm" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let screen = "";
  let typed = false;
  child.stdout.on("data", (chunk: Buffer) => {
    screen += chunk.toString("utf8");
    if (typed || !screen.includes("continue?")) return;
    typed = true;
    child.stdin.write(keys);
  });
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => child.kill("SIGKILL"), HANG_MS);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(limit);
      resolve({ code, screen });
    });
  });
}

describe("at the question of a restore", () => {
  test.each([
    ["Ctrl-C", "\u0003", 130, /nothing was written/],
    ["Enter, whose default is no", "\r", 22, /declined, nothing was written/],
    ["Escape", "\u001b", 22, /declined, nothing was written/],
    ["n", "n", 22, /declined, nothing was written/],
  ])("%s", async (_, keys, code, says) => {
    const result = await typeAtPrompt(keys);
    expect(result.code, result.screen).toBe(code);
    expect(result.screen).toMatch(says);
    expect(lane.written).toEqual([]);
  });

  test("y goes on, after the table of before and after", async () => {
    const result = await typeAtPrompt("y");
    expect(result.code, result.screen).toBe(0);
    expect(result.screen).toMatch(/10 % → 50 %[\s\S]*✔ restore: done/);
    expect(storedState(lane.sandbox).config).toMatchObject({ value: { canary_percent: 50 } });
  });
});
