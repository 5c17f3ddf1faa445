/** What people do to a ramp is in the journal, also where nobody runs it, or nothing shows what came of it. */
import { beforeEach, describe, expect, it, test } from "vitest";
import type { ChangingVerb } from "../../../src/commands/command.ts";
import { entryLine } from "../../../src/commands/lib/journal-line.ts";
import { rampAbort } from "../../../src/commands/ramp/abort.ts";
import { rampPause } from "../../../src/commands/ramp/pause.ts";
import { rampResume } from "../../../src/commands/ramp/resume.ts";
import { rampConfig } from "../../../src/domain/ramp/config.ts";
import {
  RAMP_CONTROL_KEY,
  RAMP_KEY,
  type RampDocument,
} from "../../../src/domain/ramp/document.ts";
import { written } from "../../../src/domain/ramp/transitions.ts";
import { serialiseConfig } from "../../../src/domain/state/documents.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { BASE, rampOf, START_MS } from "../../domain/ramp/world.ts";
import { INPUT, RampStage } from "./stage.ts";

const HOLD = {
  phase: "hold",
  hold_until: new Date(START_MS + 4 * 3_600_000).toISOString(),
} as const;

let stage: RampStage;
let ramp: RampDocument;
/** At 20 %, under a lease; its process is long gone. */
beforeEach(() => {
  stage = new RampStage();
  const started = rampOf("20:4h,60", { leaseS: 86_400 });
  const config = rampConfig(started, 0, BASE, { nowMs: START_MS, apiMs: START_MS });
  stage.config = serialiseConfig(config);
  ramp = { ...written(started, 0, config.last_updated, START_MS), ...HOLD };
  stage.documents.set(RAMP_KEY, JSON.stringify(ramp));
  stage.nowMs += 3_600_000;
});

const refuse = () => Promise.reject(new UpstreamError("rejected", "HTTP 400"));

/** What history shows of it, and whether anything else but a step. */
async function journaled(verb: ChangingVerb, more: (ports: Ports) => Partial<Ports> = () => ({})) {
  const plain = stage.ports();
  const ports = { ...plain, ...more(plain) };
  const known = { ramp, kept: ramp, from: "kv", alive: false };
  const given = { ...INPUT, keep: true, reason: "freeze" };
  await verb.apply(known, given, ports);
  return [...stage.journal.values()]
    .filter(({ id }) => id !== "STEP0")
    .map((entry) => entryLine(entry, stage.nowMs).replace(/^\S+, .*? ago {2}/, ""));
}

/** Puts to this key are lost, or refused. */
const without =
  (key: string, put: () => Promise<void>) =>
  ({ documents }: Ports): Partial<Ports> => ({
    documents: {
      ...documents,
      put: (to, text, options) => (to === key ? put() : documents.put(to, text, options)),
    },
  });
const lost = async () => undefined;

describe("ramp abort --keep", () => {
  it("is the end of the ramp where KV shows it, and names that the share was kept", async () => {
    expect(await journaled(rampAbort as ChangingVerb)).toEqual([
      "ramp aborted, share kept: freeze (tester)",
    ]);
  });

  it("is requested where KV does not show the end", async () => {
    expect(await journaled(rampAbort as ChangingVerb, without(RAMP_KEY, lost))).toEqual([
      "ramp abort --keep requested: freeze (tester)",
    ]);
  });

  it("is the end also where the stored state cannot be read", async () => {
    const { lease: _gone, ...config } = JSON.parse(stage.config);
    stage.config = JSON.stringify(config);
    let reads = 0;
    const lines = await journaled(rampAbort as ChangingVerb, ({ store }) => ({
      store: {
        ...store,
        read: (options) => {
          reads += 1;
          return reads === 1 ? store.read(options) : Promise.reject(new Error("no route"));
        },
      },
    }));
    expect(lines).toEqual(["ramp aborted, share kept: freeze (tester)"]);
  });

  it("is requested where the lease cannot be removed, which leaves the ramp as it is", async () => {
    const lines = await journaled(rampAbort as ChangingVerb, ({ store }) => ({
      store: { ...store, writeConfig: refuse },
    }));
    expect(lines).toEqual(["ramp abort --keep requested: freeze (tester)"]);
  });
});

test.each([
  [rampPause, "ramp pause requested: freeze (tester)"],
  [rampResume, "ramp resume requested: freeze (tester)"],
])("a request of a person: %#", async (verb, line) => {
  ramp = { ...ramp, mode: "detached" };
  expect(await journaled(verb as ChangingVerb)).toEqual([line]);
});

test("a takeover at once is a request as well", async () => {
  const taken = async () => {
    const lines = await journaled(rampResume as ChangingVerb);
    return lines.filter((line) => line.includes("resume"));
  };
  expect(await taken()).toEqual(["ramp resume requested: freeze (tester)"]);
});

test("a request that was certainly not written is none; one that may be says so", async () => {
  expect(await journaled(rampPause as ChangingVerb, without(RAMP_CONTROL_KEY, refuse))).toEqual([]);
  const cut = () => Promise.reject(new UpstreamError("ambiguous", "no answer"));
  expect(await journaled(rampPause as ChangingVerb, without(RAMP_CONTROL_KEY, cut))).toEqual([
    "ramp pause requested, not known to be written: freeze (tester)",
  ]);
});
