/** `restore` arms the guardian again: through what its plan has shown, and through nothing else. */
import { describe, expect, it } from "vitest";
import { restore } from "../../../src/commands/restore/restore.ts";
import { serialiseCap } from "../../../src/domain/guardian/cap.ts";
import { parseGuardianArm } from "../../../src/domain/guardian/document.ts";
import { tickId } from "../../../src/domain/guardian/tick-id.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { BASE } from "../../domain/ramp/world.ts";
import { AT_ONCE, type ModelKv, modelPorts, modelStore, stored } from "../../support/fake-ports.ts";

const NOW_MS = 1_763_000_000_000;
const PERCENT = BASE.canary_percent;
const given = {
  reason: "test",
  incident: undefined,
  force: true,
  verify: false,
  timeoutMs: 10_000,
  to: PERCENT,
};
const capBy = (tickMs: number, percent: number): string => {
  const at = new Date(tickMs).toISOString();
  const id = tickId(tickMs, "R");
  return serialiseCap({ schema: 1, id, at, by: "guardian", reason: "errors", percent });
};
const SEEN = tickId(NOW_MS - 600_000, "R");

interface World {
  kv: ModelKv;
  documents: Map<string, string>;
  ports: Ports;
}

/** Latched by an action that is over: nothing caps the share. */
function world(): World {
  const kv: ModelKv = { config: [JSON.stringify(BASE)], stop: [null], cap: [null] };
  const latched = { at: "", action: "reduce", id: SEEN, why: "" };
  const guardian = { schema: 1, mode: "enforce", last_tick: "", told: null, verdict: "pass" };
  const documents = new Map([["guardian", JSON.stringify({ ...guardian, latched })]]);
  const ports = {
    ...modelPorts(modelStore(kv, AT_ONCE, [0])),
    apiClock: { now: () => NOW_MS, aheadMs: () => 0 },
    documents: {
      get: async (key: string) => documents.get(key) ?? null,
      put: async (key: string, text: string) => void documents.set(key, text),
    },
  };
  return { kv, documents, ports };
}

const through = ({ documents }: World) =>
  parseGuardianArm(documents.get("guardian-arm") ?? null)?.through;

describe("restore", () => {
  it("arms a latched guardian when the share is right already, and changes nothing after that", async () => {
    const one = world();
    const planned = await restore.plan(given, one.ports);
    if (planned.kind !== "plan") throw new Error(planned.kind);
    expect(planned.changes).toContainEqual(expect.objectContaining({ what: "guardian" }));
    expect((await restore.apply(planned.steps, given, one.ports)).kind).toBe("done");
    expect(through(one)).toBe(SEEN);
    expect(await restore.plan(given, one.ports)).toMatchObject({
      risk: "none",
      changes: [],
      steps: { already: true },
    });
  });

  it("arms through no action of which its plan knew nothing", async () => {
    const one = world();
    const planned = await restore.plan(given, one.ports);
    if (planned.kind !== "plan") throw new Error(planned.kind);
    one.documents.set("guardian-cap", capBy(NOW_MS - 1_000, 1));
    await restore.apply(planned.steps, given, one.ports);
    expect(through(one)).toBe(SEEN);
  });

  it("lifts a cap that cannot be read, and arms through what can", async () => {
    const one = world();
    one.kv.cap?.push("{");
    one.documents.set("guardian-cap", "{");
    const planned = await restore.plan(given, one.ports);
    if (planned.kind !== "plan") throw new Error(planned.kind);
    await restore.apply(planned.steps, given, one.ports);
    expect(through(one)).toBe(SEEN);
    expect(parseState(stored(one.kv))).toMatchObject({
      config: { value: { canary_percent: PERCENT } },
    });
  });
});
