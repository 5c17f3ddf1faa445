import { describe, expect, it } from "vitest";
import { serialiseCap } from "../../../src/domain/guardian/cap.ts";
import { tickId } from "../../../src/domain/guardian/tick-id.ts";
import { oddKeys } from "../../../src/domain/state/odd-keys.ts";
import { BASE, START_MS } from "../ramp/world.ts";

const RAW = { config: JSON.stringify(BASE), stop: null, cap: null, rampShare: null };
const SIDE = { guardian: null, arm: null, ramp: null, control: null };
const capAt = (at: string) =>
  serialiseCap({ schema: 1, id: "C", at, by: "guardian", reason: "", percent: 4 });
const armOf = (through: string) =>
  JSON.stringify({ schema: 1, at: "", by: "ada", id: "A", through });
const guardianOf = (id: string) =>
  JSON.stringify({
    schema: 1,
    mode: "enforce",
    last_tick: "",
    latched: { at: "", action: "reduce", id, why: "" },
    told: null,
    verdict: "pass",
  });
const written = (canary_percent: unknown) => JSON.stringify({ ...BASE, canary_percent });
const flagged = (emergency_proxy: unknown) => JSON.stringify({ ...BASE, emergency_proxy });
const OWN = tickId(START_MS, "R");
const AHEAD = tickId(START_MS + 3_600_000, "R");

describe("what cannot be read or believed in KV", () => {
  it.each([
    ["config is not JSON", { config: "{" }, {}],
    ['config canary_percent is written as "10 %", and read as 10', { config: written("10 %") }, {}],
    [
      'config emergency_proxy is written as "False", and read as false',
      { config: flagged("False") },
      {},
    ],
    ["config begins with a byte order mark", { config: `\uFEFF${JSON.stringify(BASE)}\r\n` }, {}],
    ["stop is not JSON", { stop: "{" }, {}],
    ["guardian-cap cannot be read: it counts as 0 % until restore", { cap: "{" }, {}],
    ["in the future: it counts until restore", { cap: capAt("2099-01-01T00:00:00Z") }, {}],
    ["guardian cannot be read", {}, { guardian: "{" }],
    ["guardian names an action that the guardian never took", {}, { guardian: guardianOf(AHEAD) }],
    ["guardian-arm cannot be read: it has no effect", {}, { arm: "{" }],
    ["guardian-arm names an action that the guardian never took", {}, { arm: armOf(AHEAD) }],
    ["guardian-arm names an action", {}, { arm: armOf("unreadable") }],
    ["ramp cannot be read: no ramp runs", {}, { ramp: "{" }],
    ["ramp-control cannot be read", {}, { control: "{" }],
    ["ramp-share cannot be read: it has no effect", { rampShare: "{" }, {}],
  ])("is told: %s", (words, raw, side) => {
    const lines = oddKeys({ ...RAW, ...raw }, { ...SIDE, ...side }, START_MS);
    expect(lines).toEqual([expect.stringContaining(words)]);
  });

  it("is nothing where all is well, and nothing of a cap that is lifted", () => {
    const cap = capAt(new Date(START_MS).toISOString());
    const side = { ...SIDE, guardian: guardianOf(OWN), arm: armOf(OWN) };
    expect(oddKeys({ ...RAW, cap }, side, START_MS)).toEqual([]);
    const ahead = capAt("2099-01-01T00:00:00Z");
    const config = JSON.stringify({ ...BASE, lifts_cap: { id: "C" } });
    expect(oddKeys({ ...RAW, config, cap: ahead }, SIDE, START_MS)).toEqual([]);
  });
});
