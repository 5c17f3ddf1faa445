/** A ramp that nobody runs any more: what `ramp status` and others say of it first, and what is true then. */
import { describe, expect, it } from "vitest";
import { reportText } from "../../../src/cli/report.ts";
import { rampStart } from "../../../src/commands/ramp/start.ts";
import { rampStatus } from "../../../src/commands/ramp/status.ts";
import { GATE, written } from "../../../src/domain/ramp/advance.ts";
import { RAMP_KEY, type RampDocument } from "../../../src/domain/ramp/document.ts";
import { situationOf } from "../../../src/domain/situation/situation.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { seen } from "../../domain/policy/world.ts";
import { rampOf, START_MS } from "../../domain/ramp/world.ts";
import { figuresOf, knownOf } from "../../domain/situation/cases.ts";
import { INPUT, RampStage } from "./stage.ts";

const HOUR_MS = 3_600_000;
const PLAIN = { ...INPUT, wait: undefined };
const CONFIG = JSON.stringify({
  ...{ canary_percent: 20, revision: "STEP0", canary_tag: "B2a", emergency_proxy: false },
  last_updated: new Date(START_MS).toISOString(),
});
const paused = (by: string) =>
  ({ state: "paused", paused: { at: "", by, why: "freeze", left_s: 60 } }) as const;

/** At 20 %, held since the start. */
function held(more: Partial<RampDocument> = {}, leaseS?: number): RampDocument {
  const ramp = written(
    rampOf("20:4h,60", leaseS === undefined ? {} : { leaseS }),
    0,
    new Date(START_MS).toISOString(),
    START_MS,
  );
  const hold_until = new Date(START_MS + 4 * HOUR_MS).toISOString();
  return { ...ramp, phase: "hold", hold_until, ...more };
}

/** What KV, or the file of this machine, holds of it so long after its last update. */
function world(ramp: RampDocument, afterMs: number, here?: { alive: boolean }): Ports {
  const stage = new RampStage();
  stage.nowMs += afterMs;
  if (here === undefined) stage.documents.set(RAMP_KEY, JSON.stringify(ramp));
  const ports = stage.ports();
  stage.config = CONFIG;
  const read = async () => (here === undefined ? null : JSON.stringify(ramp));
  const isLocked = async () => here?.alive === true;
  return { ...ports, rampFile: { ...ports.rampFile, read, isLocked } };
}

async function shown(ports: Ports) {
  const outcome = await rampStatus.run(PLAIN, ports);
  if (!("data" in outcome) || outcome.data === undefined) throw new Error("no data");
  const { out } = reportText(rampStatus, outcome);
  return { head: out.split("\n")[0], text: out, state: outcome.data.state };
}

describe("ramp status", () => {
  it("says of a living process what it does", async () => {
    const head = "→ ramp in model: running, 20 %, step 1 of 2";
    for (const ports of [world(held(), 60_000), world(held(), 60_000, { alive: true })]) {
      expect(await shown(ports)).toMatchObject({ head, state: "running" });
    }
  });

  it("says first that there is no sign of life, and then what stays in force until when", async () => {
    const { head, text, state } = await shown(world(held(), HOUR_MS));
    expect(head).toBe(
      "! ramp in model: no sign of life from laptop since 2026-03-01T12:00:00Z, at 20 %, step 1 of 2",
    );
    expect(state).toBe("silent");
    expect(text).toMatch(
      /^ {2}now {7}the share stays at 20 %: there is no lease that lowers it, and its gate is not checked$/m,
    );
    expect(text).not.toMatch(/running|holding/);
    expect(text).toMatch(/next: pixcanary ramp resume /);
  });

  it("knows of a death on this machine at once", async () => {
    const { head, state } = await shown(world(held(), 1_000, { alive: false }));
    expect(head).toBe(
      "! ramp in model: its process on this machine (laptop) has died, at 20 %, step 1 of 2",
    );
    expect(state).toBe("silent");
  });

  it("says when the lease lowers the share, or has", async () => {
    expect((await shown(world(held({}, 7_200), HOUR_MS))).text).toMatch(
      /the share stays at 20 % until 2026-03-01T14:00:00Z, then the lease lowers it to 1 %/,
    );
    expect((await shown(world(held({}, 600), HOUR_MS))).text).toMatch(
      /^ {2}now {7}at most 1 % is in force: the lease ran out at 2026-03-01T12:10:00Z$/m,
    );
  });

  it("says of a cron that does not run that nobody can take over", async () => {
    const { head, text } = await shown(world(held({ mode: "detached" }), HOUR_MS));
    expect(head).toMatch(/: no sign of life from the Worker's cron since .*, at 20 %/);
    expect(text).toMatch(/next: pixcanary ramp abort /);
  });

  it("says of one that a person paused that it is, and that there is no sign of life", async () => {
    const { head, state } = await shown(world(held(paused("ada")), HOUR_MS));
    expect(head).toMatch(/^! ramp in model: paused, no sign of life from laptop since/);
    expect(state).toBe("silent");
  });

  it("does not miss the process of one that its gate paused: that has ended, as it should", async () => {
    const { head, state, text } = await shown(world(held(paused(GATE)), HOUR_MS, { alive: false }));
    expect({ head, state }).toEqual({
      head: "! ramp in model: paused, 20 %, step 1 of 2",
      state: "paused",
    });
    expect(text).toMatch(/^ {2}seen {6}its process ended when its gate paused it/m);
  });

  it("--wait that ends before such a ramp does, does not say that it is running", async () => {
    const ports = world(held(), HOUR_MS);
    const interrupt = AbortSignal.abort("SIGINT");
    const outcome = await rampStatus.run({ ...PLAIN, wait: 60_000 }, { ...ports, interrupt });
    expect(outcome).toMatchObject({
      kind: "interrupted",
      truth: expect.stringMatching(
        /^no sign of life from laptop since .*, at 20 %, step 1 of 2; the/,
      ),
    });
  });
});

it("status says so first as well", () => {
  const ramp = held();
  const after = (ms: number) => {
    const figures = figuresOf(seen([]));
    const raw = { config: CONFIG, stop: null };
    return situationOf(knownOf(raw, { looks: [], figures, ramp, nowMs: START_MS + ms }));
  };
  expect(after(HOUR_MS).concerns.map(({ text }) => text)).toContain(
    "the ramp stands at 20 %: no sign of life from laptop since 2026-03-01T12:00:00Z",
  );
  expect(after(0).concerns).toEqual([]);
});

it("ramp start does not say that such a ramp is running", async () => {
  const given = { ...INPUT, plan: "30:1h,100", fromStop: false, detach: false };
  const planned = await rampStart.plan(given as never, world(held(), HOUR_MS));
  expect(planned).toMatchObject({
    outcome: {
      message: "a ramp has not ended: 20 %, step 1 of 2, by oncall@laptop (on laptop)",
      truth: expect.stringContaining("no sign of life from laptop"),
    },
  });
});
