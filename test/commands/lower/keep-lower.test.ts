/** `reduce` and `disable` beside a writer that had planned before them, and when there is nothing to write. */

import { describe, expect, it } from "vitest";
import type { CommonInput } from "../../../src/commands/command.ts";
import { disable } from "../../../src/commands/lower/disable.ts";
import { reduce } from "../../../src/commands/lower/reduce.ts";
import { restore } from "../../../src/commands/restore/restore.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import { parseConfig } from "../../../src/domain/state/documents.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { rampOf } from "../../domain/ramp/world.ts";
import { AT_ONCE, type ModelKv, modelPorts, modelStore, stored } from "../../support/fake-ports.ts";

const GIVEN = {
  reason: "test",
  incident: undefined,
  force: false,
  verify: true,
  timeoutMs: 90_000,
};
/** Before and after any that the model makes. */
const OLDER = "01JCP0000000000000000000R1";
const NEWER = "01JCR0000000000000000000R1";

const configOf = (percent: number, revision: string, more: object = {}) =>
  JSON.stringify({
    canary_percent: percent,
    canary_tag: "B2a",
    emergency_proxy: false,
    last_updated: "2020-01-01T00:00:00Z",
    revision,
    updated_by: "ada@desk",
    ...more,
  });

/** What is stored is live; `cover` is written right after the first write, or at the given look. */
class World {
  readonly kv: ModelKv = { config: [configOf(10, OLDER)], stop: [null] };
  readonly documents = new Map<string, string>();
  cover: string | null = null;
  coverAtLook: number | null = null;
  lags = false;
  #nowMs = 0;
  #looks = 0;
  #budget = new AbortController();

  #late(): void {
    if (this.cover === null) return;
    this.kv.config.push(this.cover);
    this.cover = null;
  }

  #look(url: string): Sighting {
    this.#looks += 1;
    if (this.#looks === this.coverAtLook) this.#late();
    const state = parseState(stored(this.kv));
    const config = state.config.kind === "valid" ? state.config.value : null;
    const canary = {
      emergency_proxy: false,
      source: "kv",
      revision: this.lags || this.coverAtLook !== null ? OLDER : config?.revision,
      percent: config?.canary_percent,
      last_updated: config?.last_updated,
    };
    if (this.coverAtLook !== null && this.kv.config.length > 3) canary.revision = config?.revision;
    const qa = {
      canary,
      stop: { active: false, id: null },
      health: { native: { status: "healthy" }, proxy: { status: "healthy" } },
    } as unknown as NonNullable<Sighting["qa"]>;
    return { url, atMs: 0, status: 200, colo: "FRA", decision: null, qa, problem: null };
  }

  ports(): Ports {
    const store = modelStore(this.kv, AT_ONCE, [0]);
    const base = modelPorts({
      ...store,
      writeConfig: async (config, options) => {
        await store.writeConfig(config, options);
        if (this.coverAtLook === null) this.#late();
      },
    });
    return {
      ...base,
      documents: { ...base.documents, get: async (key) => this.documents.get(key) ?? null },
      qa: { urls: ["http://127.0.0.1/qa"], look: async (url) => this.#look(url) },
      clock: {
        ...base.clock,
        monotonic: () => this.#nowMs,
        timeout: (ms) => (ms === GIVEN.timeoutMs ? this.#budget.signal : base.interrupt),
        sleep: async (ms) => {
          this.#nowMs += ms;
          if (this.#nowMs > GIVEN.timeoutMs) this.#budget.abort();
          this.#budget.signal.throwIfAborted();
        },
      },
    };
  }

  percent(): number | null {
    const config = parseConfig(this.kv.config.at(-1) ?? null);
    return config.kind === "valid" ? config.value.canary_percent : null;
  }

  async run(command: "reduce" | "disable" | "restore", how: Partial<CommonInput> = {}) {
    const verb = { reduce, disable, restore }[command] as typeof reduce;
    const given = { ...GIVEN, ...how, to: command === "restore" ? 10 : 5 };
    const planned = await verb.plan(given, this.ports());
    return planned.kind === "plan"
      ? verb.apply(planned.steps, given, this.ports())
      : planned.outcome;
  }
}

describe("a share that is written over", () => {
  it.each(["reduce", "disable"] as const)(
    "by a write that was planned before is written again by %s",
    async (command) => {
      const world = new World();
      world.cover = configOf(60, OLDER);
      const outcome = await world.run(command);
      expect(outcome).toMatchObject({ kind: "done", changed: true });
      expect(world.percent()).toBe(command === "reduce" ? 5 : 0);
      const { revision } = JSON.parse(world.kv.config.at(-1) ?? "");
      expect(outcome).toMatchObject({ data: { after: { revision } } });
    },
  );
  it("while locations are waited for is written again as well", async () => {
    const world = new World();
    world.cover = configOf(60, OLDER);
    world.coverAtLook = 3;
    expect(await world.run("reduce")).toMatchObject({ kind: "done" });
    expect(world.percent()).toBe(5);
  });
  it.each([
    ["of the ramp that is kept", {}, true],
    [
      "with a lease",
      { lease: { expires_at: "2020-01-01T00:00:00Z", fallback_percent: 10 } },
      false,
    ],
  ])(
    "by a step %s is written again, whatever the clock of its laptop said",
    async (_, more, kept) => {
      const world = new World();
      world.cover = configOf(60, NEWER, more);
      const ramp = rampOf("60:1s,100");
      const [first, ...rest] = ramp.plan;
      const plan = [{ ...first, revision: NEWER }, ...rest];
      if (kept) world.documents.set("ramp", JSON.stringify({ ...ramp, plan }));
      expect(await world.run("reduce")).toMatchObject({ kind: "done" });
      expect(world.percent()).toBe(5);
    },
  );
  it.each([
    ["by a person who has read it", configOf(60, NEWER)],
    ["by hand", configOf(60, "by hand")],
    ["with a share that is as low", configOf(3, OLDER)],
    ["with an emergency", configOf(60, OLDER, { emergency_proxy: true })],
  ])("%s stays, and its author is named", async (_, cover) => {
    const world = new World();
    world.cover = cover;
    expect(await world.run("reduce")).toMatchObject({
      kind: "failed",
      code: "conflict",
      message: expect.stringContaining("ada@desk"),
    });
    expect(world.kv.config.at(-1)).toBe(cover);
  });
});

it("a lower share that was stored after the plan stays, and its author is named", async () => {
  const world = new World();
  const given = { ...GIVEN, to: 5 };
  const planned = await reduce.plan(given, world.ports());
  if (planned.kind !== "plan") throw new Error("not planned");
  const lower = configOf(0, NEWER);
  world.kv.config.push(lower);
  expect(await reduce.apply(planned.steps, given, world.ports())).toMatchObject({
    kind: "failed",
    code: "conflict",
    message: expect.stringContaining("ada@desk (0 %"),
    data: { after: { percent: 0 } },
  });
  expect(world.kv.config.at(-1)).toBe(lower);
});

describe("nothing to write", () => {
  const already = (command: "reduce" | "disable" | "restore") => {
    const world = new World();
    const percent = { reduce: 5, disable: 0, restore: 10 }[command];
    world.kv.config.push(configOf(percent, NEWER));
    return world;
  };
  const COMMANDS = ["reduce", "disable", "restore"] as const;

  it.each(COMMANDS)("is done by %s once every /qa shows it", async (command) => {
    const world = already(command);
    expect(await world.run(command)).toMatchObject({ kind: "done", changed: false });
    expect(world.kv.config).toHaveLength(2);
  });
  it.each(COMMANDS)("is pending by %s as long as a location shows the old one", async (command) => {
    const world = already(command);
    world.lags = true;
    expect(await world.run(command)).toMatchObject({
      kind: "pending",
      waitingFor: expect.stringMatching(/^every \/qa to show (5|0|10) %$/),
      next: expect.stringContaining("verify"),
    });
    expect(world.kv.config).toHaveLength(2);
  });
  it.each(COMMANDS)("is done by %s without a look with --no-verify", async (command) => {
    const world = already(command);
    world.lags = true;
    expect(await world.run(command, { verify: false })).toMatchObject({ kind: "done" });
  });
});
