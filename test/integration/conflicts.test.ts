/** Two operators at the same time: whoever loses is told so, and a stop always wins. */

import { describe, expect, test, vi } from "vitest";
import { restore } from "../../src/commands/restore/restore.ts";
import { timeOf } from "../../src/domain/lib/time.ts";
import { runCli } from "../support/cli.ts";
import { patientClock, runHere } from "../support/here.ts";
import { ENOUGH_S, PATIENCE } from "../support/patience.ts";
import { GIVEN, portsOf } from "../support/ports-of.ts";
import type { Lane } from "./lane.ts";
import { configText, oneLane, storedState, tokenEnv } from "./lane.ts";

const DAY_MS = 86_400_000;

let lane: Lane;
let config = "";
oneLane((own, path) => {
  lane = own;
  config = path;
});

const run = (args: readonly string[]) =>
  runCli(args, { env: { ...lane.env, ...tokenEnv(lane.sandbox) } });

/** With limits that a busy machine keeps: what is journaled on this disk is there. */
const runPatiently = (args: readonly string[]) =>
  runHere(args, { env: { ...lane.env, ...tokenEnv(lane.sandbox) }, clock: patientClock() });

describe("two at the same time", () => {
  test("two reduces: what is stored is the winner's, and nobody is told done in vain", async () => {
    const both = await Promise.all(
      ["4", "3"].map((to) =>
        run(["reduce", "--to", to, "--config", config, "--json", "--timeout", ENOUGH_S]),
      ),
    );
    const stored = storedState(lane.sandbox).config;
    const percent = stored.kind === "valid" ? stored.value.canary_percent : null;
    expect([3, 4]).toContain(percent);
    for (const [nth, { code, stdout }] of both.entries()) {
      const own = [4, 3][nth];
      // Done first and overwritten later is true, too: but then the other must have known.
      expect([0, 2, 21, 25]).toContain(code);
      if (own === percent) expect(code).toBe(0);
      expect(JSON.parse(stdout).exit_code).toBe(code);
    }
  });

  test("a stop that is pulled while a restore is on its way is not released (AT-2)", async () => {
    const { control } = lane.sandbox;
    await run(["not-aus", "--config", config]);
    control.setKv({ frozen: true });
    const restoring = run([
      "restore",
      "--to",
      "10",
      "--reason",
      "x",
      "--yes",
      "--force",
      "--config",
      config,
    ]);
    await vi.waitUntil(
      () => control.store.text("config")?.includes('"emergency_proxy":false'),
      PATIENCE,
    );
    const at = new Date(Date.now() + 1).toISOString();
    control.store.put("stop", JSON.stringify({ active: true, id: "SECOND", at, by: "somebody" }));
    control.setKv({ frozen: false, catchUp: true });
    const result = await restoring;
    expect(result).toMatchObject({ code: 25 });
    // Before it releases, or while it proves the config: whichever sees the second stop first.
    const first = /a new stop was set[\s\S]*nothing was released/;
    const second = /an emergency was set after restore did not see/;
    expect(
      [first, second].some((said) => said.test(result.stderr)),
      result.stderr,
    ).toBe(true);
    expect(storedState(lane.sandbox).stop).toMatchObject({ value: { active: true, id: "SECOND" } });
  });

  test("another operator's stop of seconds ago is not released by --yes, but by its name", async () => {
    const asAnna = { ...lane.env, ...tokenEnv(lane.sandbox), PIXCANARY_ACTOR: "anna" };
    expect((await runCli(["not-aus", "--config", config], { env: asAnna })).code).toBe(0);
    const { stop } = storedState(lane.sandbox);
    const id = stop.kind === "valid" ? stop.value.id : undefined;
    const back = ["restore", "--to", "10", "--reason", "x", "--yes", "--force", "--config", config];
    const refused = await run(back);
    expect(refused.code).toBe(25);
    expect(refused.stderr).toMatch(/another operator's stop of less than 2 min ago: anna, /);
    expect(refused.stderr).toMatch(new RegExp(`next: pixcanary restore .*--yes --stop ${id}`));
    expect(storedState(lane.sandbox).stop).toEqual(stop);
    expect((await run([...back, "--stop", "ANOTHER"])).code).toBe(25);
    expect((await run([...back, "--stop", `${id}`])).code).toBe(0);
    expect(storedState(lane.sandbox).stop).toMatchObject({ value: { active: false } });
  });

  test("a stop that is refused says that the earlier one is in force, and how to do it by hand", async () => {
    expect((await run(["not-aus", "--config", config])).code).toBe(0);
    const { stop } = storedState(lane.sandbox);
    await lane.sandbox.control.setFaults([{ kind: "forbidden", match: { method: "PUT" } }]);
    const { code, stderr } = await runPatiently(["not-aus", "--config", config]);
    expect(code).toBe(23);
    expect(stderr).toMatch(
      /✖ not-aus: the earlier stop by \S+ is in force; this one was refused \(.*HTTP 403/,
    );
    expect(stderr).toContain("By hand:");
    expect(storedState(lane.sandbox).stop).toEqual(stop);
    const history = await runPatiently(["history", "--config", config]);
    expect(history.stdout).toMatch(
      /ago {2}not-aus {2}FAILED \(.*HTTP 403.*\), nothing written {2}/,
    );
  });

  test.each([
    ["429 to the very end", { kind: "rate-limited" }],
    ["500 to the very end", { kind: "server-error", status: 500 }],
  ] as const)("%s: a second stop names the first one", async (_what, fault) => {
    const asAnna = { ...lane.env, ...tokenEnv(lane.sandbox), PIXCANARY_ACTOR: "anna" };
    expect((await runCli(["not-aus", "--config", config], { env: asAnna })).code).toBe(0);
    const { stop } = storedState(lane.sandbox);
    await lane.sandbox.control.setFaults([{ ...fault, match: { method: "PUT" } }]);
    const { code, stdout, stderr } = await run(["not-aus", "--timeout", "3", "--config", config]);
    // Once no time is left to read `stop`, its mirror names her. A cut off attempt may have arrived, also in `config`
    // alone.
    const annas = "the earlier (?:stop|emergency in config) by anna is (?:in force|stored); ";
    const said =
      code === 24
        ? `✖ not-aus: ${annas}this one could not be written \\(`
        : `; ${annas}(?:this one may not have been written \\(|config may hold this emergency, this one is not written)`;
    expect([code, stdout + stderr]).toEqual([
      expect.toBeOneOf([21, 24]),
      expect.stringMatching(new RegExp(said)),
    ]);
    expect(storedState(lane.sandbox).stop).toEqual(stop);
  });

  test("a config that somebody writes after a restore was planned is not overwritten", async () => {
    const { control, description } = lane.sandbox;
    const ports = await portsOf(config, "sandbox", {
      CLOUDFLARE_API_TOKEN: description.apiToken,
      PIXCANARY_QA_TOKEN: description.qaToken,
    });
    const given = { ...GIVEN, to: 50, force: true };
    const planned = await restore.plan(given, ports);
    if (planned.kind !== "plan") throw new Error(JSON.stringify(planned));
    control.store.put("config", configText(7, { revision: "THEIRS", updated_by: "somebody else" }));
    const outcome = await restore.apply(planned.steps, given, ports);
    expect(outcome).toMatchObject({ kind: "failed", code: "conflict" });
    expect(JSON.stringify(outcome)).toMatch(/config was changed meanwhile by somebody else/);
    expect(storedState(lane.sandbox).config).toMatchObject({ value: { revision: "THEIRS" } });
  });

  test.each([
    ["a day ahead", DAY_MS],
    ["a day behind", -DAY_MS],
  ])("what a laptop %s writes has the time by the API", async (_what, aheadMs) => {
    const clock = { ...patientClock(), now: () => Date.now() + aheadMs };
    const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
    const startedMs = Date.now();
    const { code, stdout, stderr } = await runHere(["reduce", "--to", "4", "--config", config], {
      env,
      clock,
    });
    expect(code, stdout + stderr).toBe(0);
    const { config: stored } = storedState(lane.sandbox);
    const writtenMs = stored.kind === "valid" ? timeOf(stored.value.last_updated) : Number.NaN;
    expect(Math.abs(writtenMs - startedMs)).toBeLessThan(DAY_MS / 2);
  });
});
