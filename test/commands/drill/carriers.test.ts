/** A rehearsed stop is seen by each carrier that gets it; one that does not show it is named. */
import { expect, test } from "vitest";
import { seenByCarriers } from "../../../src/commands/drill/carriers.ts";
import type { Carrier } from "../../../src/domain/state/carriers.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import type { RampStage } from "../ramp/stage.ts";
import { drillPorts, stageAt } from "./world.ts";

const BEACON = { age_ms: 0, cache: null, failing: false, heard: true, release_id: null };
const EMERGENCY = { key: "stop", mark: "m", id: "S", at: null, by: null, reason: null } as const;

/** KV shows the stop at once, the beacon so much later. */
function showing(stage: RampStage, { beaconMs, signed }: { beaconMs: number; signed: boolean }) {
  const startedMs = stage.nowMs;
  const change = (ports: Ports): Ports => ({
    ...ports,
    stopSender: signed ? ({ operator: "ada" } as Ports["stopSender"]) : null,
    qa: {
      ...ports.qa,
      async look(url, options) {
        const seen = await ports.qa.look(url, options);
        if (seen.qa === null) return seen;
        const late = stage.nowMs - startedMs < beaconMs;
        const carriers: Carrier[] = late ? ["kv"] : ["kv", "beacon"];
        const emergencies = [{ ...EMERGENCY, carriers }];
        return { ...seen, qa: { ...seen.qa, beacon: BEACON, emergencies } };
      },
    },
  });
  return drillPorts(stage, change);
}

async function seen(given: Parameters<typeof showing>[1]) {
  const ports = showing(stageAt(10), given);
  return seenByCarriers(ports, ports.clock.monotonic());
}

test("waits for the slower one, and says when each was seen", async () => {
  const { problem, notes } = await seen({ beaconMs: 5_000, signed: true });
  expect(problem).toBeNull();
  expect(notes).toEqual([
    expect.stringMatching(/^shown by kv at .*, the last after 0\.\d\d s$/),
    expect.stringMatching(/^shown by beacon at .*, the last after 5\.\d\d s$/),
  ]);
});

test("one that never shows it is a failure", async () => {
  const { problem } = await seen({ beaconMs: Number.POSITIVE_INFINITY, signed: true });
  expect(problem).toMatch(/^not shown within 90 s by beacon at /);
});

test("without an operator key the beacon gets no stop, and is not waited for", async () => {
  const { problem, notes } = await seen({ beaconMs: Number.POSITIVE_INFINITY, signed: false });
  expect([problem, notes.at(-1)]).toEqual([null, expect.stringContaining("no operator key")]);
});
