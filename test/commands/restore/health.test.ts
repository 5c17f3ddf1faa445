/** What `restore` makes of the metrics: native as it is now, never the incident before the stop. */
import { describe, expect, it } from "vitest";
import type { CommonInput } from "../../../src/commands/command.ts";
import { restore } from "../../../src/commands/restore/restore.ts";
import type { BucketRow } from "../../../src/domain/metrics/queries.ts";
import { newestEndS } from "../../../src/domain/policy/observations.ts";
import type { Metrics } from "../../../src/ports/api.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { AT_ONCE, modelPorts, modelStore } from "../../support/fake-ports.ts";

const given: CommonInput & { to: number } = {
  reason: "fixed",
  incident: undefined,
  force: false,
  verify: true,
  timeoutMs: 10_000,
  to: 10,
};
const configAt = (canary_percent: number, emergency_proxy = false) =>
  JSON.stringify({
    canary_percent,
    canary_tag: "B2a",
    emergency_proxy,
    last_updated: "2020-01-01T00:00:00Z",
    revision: "BEFORE",
  });
const STOP = JSON.stringify({ active: true, id: "OLD", at: "2020-01-01T00:00:00Z" });

/** Each of the last five minutes: 100 native requests, so many errors, that p90. */
function native(errors: number, p90: number): (ports: Ports) => Metrics["ask"] {
  return (ports) => async (question) => {
    const query = question("canary_requests");
    if (query.name !== "health by minute") return query.read([]);
    const toS = newestEndS(Math.floor(ports.clock.now() / 1_000), ports.target.policy);
    const rows = Array.from({ length: 5 }, (_, index): BucketRow => {
      const bucket = toS - (index + 1) * 60;
      const counts = { requests: 100, observations: 100, errors, errorObservations: errors };
      return { bucket, cohort: "native", ...counts, p50: 1, p90, p99: p90 };
    });
    return query.read(rows);
  };
}

async function planned(
  config: string,
  stop: string | null,
  ask: (ports: Ports) => Metrics["ask"],
): Promise<{ kind: string; says: string }> {
  const ports = modelPorts(modelStore({ config: [config], stop: [stop] }, AT_ONCE, [0]));
  const qa = { ...ports.qa, urls: [] };
  const plan = await restore.plan(given, { ...ports, qa, metrics: { ask: ask(ports) } });
  if (plan.kind === "plan") return { kind: "plan", says: plan.notes.join("\n") };
  return { kind: plan.outcome.kind, says: restore.render(plan.outcome) };
}

describe("a restore to more than the present share", () => {
  it("is refused while native is measured not to be normal", async () => {
    const { kind, says } = await planned(configAt(5), null, native(4, 700));
    expect(kind).toBe("unhealthy");
    expect(says).toContain("fail error rate of native < 1 %: 4 % over 5 min");
    expect(says).toContain("fail p90 of native < 500 ms: 700 ms over 5 min");
  });
  it("goes on when it is normal", async () => {
    const { kind, says } = await planned(configAt(5), null, native(0, 200));
    expect([kind, says]).toEqual([
      "plan",
      expect.stringContaining("pass p90 of native < 500 ms: 200 ms over 5 min"),
    ]);
  });
  it("goes on without metrics, and says why there are none", async () => {
    const down = () => () => Promise.reject(new UpstreamError("unavailable", "HTTP 503"));
    const { kind, says } = await planned(configAt(5), null, down);
    expect([kind, says]).toEqual([
      "plan",
      expect.stringContaining("no_data error rate of native < 1 %: HTTP 503"),
    ]);
  });
});

describe("a restore from a stop", () => {
  it.each([
    ["stored", configAt(0, true), STOP],
    ["mirrored alone", configAt(0, true), null],
  ])("is not held up by the incident before it: %s", async (_, config, stop) => {
    const { kind, says } = await planned(config, stop, native(4, 700));
    expect([kind, says]).toEqual([
      "plan",
      expect.stringContaining("no_data error rate of native < 1 %: no native traffic"),
    ]);
  });
});
