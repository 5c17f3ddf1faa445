/** How a ramp's end reads, and what it leaves: `ramp abort --keep` keeps the share, Ctrl-C is told once. */
import { describe, expect, it } from "vitest";
import { rampAbort } from "../../../src/commands/ramp/abort.ts";
import { newControl } from "../../../src/commands/ramp/control.ts";
import { carryOut } from "../../../src/commands/ramp/loop.ts";
import { renderRamp } from "../../../src/commands/ramp/render.ts";

import { written } from "../../../src/domain/ramp/advance.ts";
import { rampConfig } from "../../../src/domain/ramp/config.ts";
import { RAMP_CONTROL_KEY, type RampDocument } from "../../../src/domain/ramp/document.ts";
import { parseConfig, serialiseConfig } from "../../../src/domain/state/documents.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { BASE, rampOf, START_MS } from "../../domain/ramp/world.ts";
import { INPUT, RampStage } from "./stage.ts";

const LEASE_S = 3_600;

/** At 20 %, under a lease. */
function leased(): { stage: RampStage; ramp: RampDocument } {
  const stage = new RampStage();
  const ramp = rampOf("20:4h,60", { leaseS: LEASE_S });
  const config = rampConfig(ramp, 0, BASE, { nowMs: START_MS, apiMs: START_MS });
  stage.config = serialiseConfig(config);
  return { stage, ramp: written(ramp, 0, config.last_updated, START_MS) };
}

const storedIn = ({ config }: RampStage) => {
  const parsed = parseConfig(config);
  return parsed.kind === "valid" ? parsed.value : null;
};

const abort = (ramp: RampDocument, keep: boolean, ports: Ports) =>
  rampAbort.apply({ ramp, kept: ramp, from: "kv", alive: false }, { ...INPUT, keep }, ports);

describe("ramp abort --keep", () => {
  it("takes the lease away, or the share would not be kept; and says it once", async () => {
    const { stage, ramp } = leased();
    const outcome = await abort(ramp, true, stage.ports());
    expect(outcome).toMatchObject({ kind: "done", headline: "aborted; share stays at 20 %" });
    expect(storedIn(stage)).toMatchObject({ canary_percent: 20, revision: "STEP0" });
    expect(storedIn(stage)?.lease).toBeUndefined();
    expect(rampAbort.render(outcome)).not.toMatch(/^ {2}(?:now|lease) |unchanged|stays/m);
  });

  it("goes on when a renewal comes in between", async () => {
    const { stage, ramp } = leased();
    const ports = stage.ports();
    let reads = 0;
    const read: Ports["store"]["read"] = (call) => {
      reads += 1;
      if (reads === 2) {
        const later = { nowMs: START_MS + 9_000, apiMs: START_MS + 9_000 };
        stage.config = serialiseConfig(rampConfig(ramp, 0, storedIn(stage), later));
      }
      return ports.store.read(call);
    };
    const outcome = await abort(ramp, true, { ...ports, store: { ...ports.store, read } });
    expect(outcome.kind).toBe("done");
    expect(storedIn(stage)).toMatchObject({ canary_percent: 20 });
    expect(storedIn(stage)?.lease).toBeUndefined();
  });

  it("leaves the ramp to be aborted again when the lease cannot be removed", async () => {
    const { stage, ramp } = leased();
    const ports = stage.ports();
    const writeConfig = () => Promise.reject(new Error("no route"));
    const outcome = await abort(ramp, true, { ...ports, store: { ...ports.store, writeConfig } });
    expect(outcome).toMatchObject({
      kind: "failed",
      truth: "unless it is removed, the Worker falls back to 1 % when it expires",
      next: expect.stringContaining("ramp abort"),
    });
    expect(stage.file).toBeNull();
  });

  it("leaves a config that is not the ramp's alone", async () => {
    const { stage, ramp } = leased();
    const lease = storedIn(stage)?.lease;
    const theirs = serialiseConfig({ ...BASE, canary_percent: 3, revision: "THEIRS", lease });
    stage.config = theirs;
    await abort(ramp, true, stage.ports());
    expect(stage.config).toBe(theirs);
  });

  it.each([true, false])(
    "with the ramp's process alive, keep %s: its lease goes with it",
    async (keep) => {
      const { stage, ramp } = leased();
      const control = { ...newControl("abort", ramp, INPUT, stage.ports()), keep };
      stage.documents.set(RAMP_CONTROL_KEY, JSON.stringify(control));
      await stage.run(ramp);
      expect(stage.kept()).toMatchObject({ state: "aborted" });
      // Whoever aborts without `--keep` writes a lower share, which must not be written over.
      expect(storedIn(stage)?.lease === undefined).toBe(keep);
    },
  );
});

describe("Ctrl-C", () => {
  it("leaves one report, which does not say that the ramp goes on", async () => {
    const { stage, ramp } = leased();
    const interrupt = new AbortController();
    stage.onSleep = () => interrupt.abort("SIGINT");
    const ports = { ...stage.ports(), interrupt: interrupt.signal };
    const views: string[] = [];
    const screen = {
      ...ports.screen,
      inPlace: true,
      show: (text: string) => void views.push(text),
      clear: () => void views.splice(0),
    };
    const outcome = await carryOut(ramp, INPUT, { ...ports, screen });
    expect(outcome).toMatchObject({
      kind: "interrupted",
      truth: expect.stringMatching(
        /^the ramp is at 20 %.*falls back to 1 % at 2026-03-01T13:00:00Z$/,
      ),
    });
    expect(views).toEqual([]);
    const text = renderRamp(outcome);
    expect(text).toMatch(/^ {2}plan /);
    expect(text).not.toMatch(/^ {2}(?:now|lease) |holding/m);
  });
});
