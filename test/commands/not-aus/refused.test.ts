/** A stop that the API does not take while an earlier one is in force: whose that is, and no word of this one. */
import { expect, it } from "vitest";
import { reportJson, reportText } from "../../../src/cli/report.ts";
import type { CommonInput } from "../../../src/commands/command.ts";
import { notAus, pullTheStop } from "../../../src/commands/not-aus/not-aus.ts";
import { WRITE_SHARE } from "../../../src/commands/not-aus/write-and-prove.ts";
import type { CanaryConfig, StopDocument } from "../../../src/domain/state/documents.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { PORTS } from "../watch/world.ts";

const INPUT: CommonInput = {
  reason: "second",
  incident: undefined,
  force: false,
  verify: false,
  timeoutMs: 10_000,
};
const ANNAS: StopDocument = { active: true, id: "ANNAS", at: "2025-01-01T00:00:00Z", by: "anna" };

type Write = (stop: StopDocument) => Promise<void>;
const refusedWith = (kind: "unavailable" | "forbidden") => () =>
  Promise.reject(new UpstreamError(kind, "write stop: HTTP 429", { status: 429 }));

/** The time for writes is over when the first one has failed; as in the adapter, no call begins after its signal. */
function portsOf(stop: StopDocument, writeStop: Write, written: CanaryConfig[] = []): Ports {
  const over = AbortSignal.abort();
  const store: Ports["store"] = {
    read: async ({ signal, configAlone }) => {
      if (signal.aborted || configAlone) throw new UpstreamError("unavailable", "cancelled");
      return { config: null, stop: JSON.stringify(stop) };
    },
    writeStop,
    writeConfig: async (config) => {
      if (written.length === 0) throw new UpstreamError("unavailable", "HTTP 429");
      written.push(config);
    },
  };
  const timeout = (ms: number) =>
    ms === INPUT.timeoutMs * WRITE_SHARE ? over : PORTS.clock.timeout(ms);
  return { ...PORTS, store, clock: { ...PORTS.clock, timeout } };
}

it.each(["unavailable", "forbidden"] as const)(
  "%s to the very end: names the earlier stop, and shows no id of its own",
  async (kind) => {
    const ids: (string | undefined)[] = [];
    const write: Write = (stop) => {
      ids.push(stop.id);
      return refusedWith(kind)();
    };
    const outcome = await pullTheStop(INPUT, portsOf(ANNAS, write));
    const { err, exitCode } = reportText(notAus, outcome);
    expect(exitCode).toBe(kind === "forbidden" ? 23 : 24);
    expect(err).toMatch(/^✖ not-aus: the earlier stop by anna is stored; this one (was|could not)/);
    expect(err).toContain(" before    already stopped, 2025-01-01T00:00:00Z");
    const [id = ""] = ids;
    expect(id).not.toBe("");
    expect(err + reportJson("not-aus", "model", outcome).out).not.toContain(id);
  },
);

it("is not taken for written because a clock dates the earlier stop later", async () => {
  const later = { ...ANNAS, at: "2099-01-01T00:00:00Z" };
  const outcome = await pullTheStop(INPUT, portsOf(later, refusedWith("unavailable")));
  expect(outcome).toMatchObject({
    kind: "failed",
    message:
      "the earlier stop by anna is stored; this one could not be written (write stop: HTTP 429)",
    data: { stop: null, stored: { stop_ms: null } },
  });
});

it("counts as written when a later attempt arrives, though nothing shows it", async () => {
  let writes = 0;
  const write: Write = async () => {
    writes += 1;
    if (writes === 1) await refusedWith("unavailable")();
  };
  const outcome = await pullTheStop(INPUT, portsOf(ANNAS, write));
  expect(outcome).toMatchObject({
    kind: "pending",
    waitingFor: expect.stringMatching(
      /the stop is written, .*reads still show the earlier stop by anna/,
    ),
  });
});

it("shows no id of a stop of which only the emergency in config was written", async () => {
  const written: CanaryConfig[] = [{} as CanaryConfig];
  const outcome = await pullTheStop(INPUT, portsOf(ANNAS, refusedWith("unavailable"), written));
  expect(written).toHaveLength(2);
  expect(outcome).toMatchObject({ kind: "pending", data: { stop: null } });
});
