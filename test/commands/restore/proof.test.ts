/** A restore is live when the share is, not when its document is. */
import { expect, it } from "vitest";
import { restore } from "../../../src/commands/restore/restore.ts";
import { serialiseCap } from "../../../src/domain/guardian/cap.ts";
import { AT_ONCE, type ModelKv, modelStore } from "../../support/fake-ports.ts";
import { rampPorts } from "../../support/ramp-ports.ts";

const given = {
  reason: "fixed",
  incident: undefined,
  force: true,
  verify: true,
  timeoutMs: 10_000,
  to: 20,
};
const CONFIG = JSON.stringify({
  canary_percent: 10,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2020-01-01T00:00:00Z",
  revision: "BEFORE",
});

it.each([true, false])("the guardian caps while the question stands open: %s", async (caps) => {
  const kv: ModelKv = { config: [CONFIG], stop: [null], cap: [null] };
  const ports = rampPorts(kv, modelStore(kv, AT_ONCE, [0]), { text: null }, [], true);
  const plan = await restore.plan(given, ports);
  if (plan.kind !== "plan") throw new Error(restore.render(plan.outcome));
  const at = new Date(ports.clock.now() + 30_000).toISOString();
  const cap = { schema: 1, id: "CAP", at, by: "guardian", reason: "slow", percent: 5 } as const;
  if (caps) kv.cap?.push(serialiseCap(cap));
  const outcome = await restore.apply(plan.steps, given, ports);
  expect(outcome.kind).toBe(caps ? "pending" : "done");
  if (caps) expect(restore.render(outcome)).toContain("still at 5 %");
});
