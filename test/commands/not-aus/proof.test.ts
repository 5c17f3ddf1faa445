/** A stop over an earlier one is live when it shows itself: the earlier one may have been released a moment ago. */
import type { Scheduler } from "fast-check";
import { expect, it } from "vitest";
import { pullTheStop } from "../../../src/commands/not-aus/not-aus.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import { type ModelKv, modelStore } from "../../support/fake-ports.ts";
import { rampPorts } from "../../support/ramp-ports.ts";

const INPUT = {
  reason: "second",
  incident: undefined,
  force: false,
  verify: true,
  timeoutMs: 10_000,
};
const atOnce = { schedule: (work: Promise<unknown>) => work } as unknown as Scheduler;
const FIRST = { active: true, id: "FIRST", at: "2026-03-01T11:00:00Z", by: "anna" };
const MIRROR = {
  canary_percent: 0,
  canary_tag: "B2a",
  emergency_proxy: true,
  last_updated: FIRST.at,
  revision: FIRST.id,
};

/** At a location that has read so many of the writes of `stop`, or refuses to say which. */
async function outcomeWhere(shows: "first" | "all" | "no document"): Promise<string> {
  const kv: ModelKv = { config: [JSON.stringify(MIRROR)], stop: [JSON.stringify(FIRST)] };
  const ports = rampPorts(kv, modelStore(kv, atOnce, [0]), { text: null }, [], true);
  const look = async (url: string): Promise<Sighting> => {
    const seen = await ports.qa.look(url, { signal: ports.interrupt, health: "cached" });
    const texts = shows === "all" ? kv.stop : kv.stop.slice(0, 1);
    const emergencies = texts.map((text) => ({ id: JSON.parse(text ?? "{}").id }));
    const canary = { ...seen.qa?.canary, revision: "LATER" };
    const qa = { ...seen.qa, canary, emergencies } as unknown as NonNullable<Sighting["qa"]>;
    const decision = { tag: "B2a", cohort: "proxy", reason: "emergency" } as const;
    return { ...seen, decision, qa: shows === "no document" ? null : qa };
  };
  return (await pullTheStop(INPUT, { ...ports, qa: { ...ports.qa, look } })).kind;
}

it("is not live where only the earlier one shows", async () => {
  expect(await outcomeWhere("first")).toBe("pending");
});
it("is where it shows beside the earlier one, and where no document says which", async () => {
  expect(await outcomeWhere("all")).toBe("done");
  expect(await outcomeWhere("no document")).toBe("done");
});
