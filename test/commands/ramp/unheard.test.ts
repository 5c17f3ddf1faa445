/** A word to a ramp that nobody runs: it is stored, and that is said to be no more than that. */
import { beforeEach, describe, expect, it, test } from "vitest";
import { exitCodeOf } from "../../../src/cli/exit.ts";
import { reportText } from "../../../src/cli/report.ts";
import type { ChangingVerb } from "../../../src/commands/command.ts";
import { rampAbort } from "../../../src/commands/ramp/abort.ts";
import { rampPause } from "../../../src/commands/ramp/pause.ts";
import { rampResume } from "../../../src/commands/ramp/resume.ts";
import { GATE } from "../../../src/domain/ramp/advance.ts";
import {
  parseRampControl,
  RAMP_CONTROL_KEY,
  RAMP_KEY,
  type RampDocument,
} from "../../../src/domain/ramp/document.ts";
import { rampOf, START_MS } from "../../domain/ramp/world.ts";
import { INPUT, RampStage } from "./stage.ts";

const HOUR_MS = 3_600_000;
const HELD: RampDocument = {
  ...rampOf("20:4h,60"),
  ...{ step: 0, phase: "hold", hold_until: new Date(START_MS + 4 * HOUR_MS).toISOString() },
};

let stage: RampStage;
beforeEach(() => {
  stage = new RampStage();
});

const control = () => parseRampControl(stage.documents.get(RAMP_CONTROL_KEY) ?? null);

/** As on a machine that has no file of it, so long after the ramp's last update. */
async function said(verb: ChangingVerb, ramp: RampDocument, afterMs: number, more = {}) {
  stage.documents.set(RAMP_KEY, JSON.stringify(ramp));
  stage.nowMs = START_MS + afterMs;
  const ports = { ...stage.ports(), ...more };
  const given = { ...INPUT, keep: false };
  const planned = await verb.plan(given, ports);
  if (planned.kind !== "plan") throw new Error(JSON.stringify(planned));
  const outcome = await verb.apply(planned.steps, given, ports);
  const { out, err } = reportText(verb, outcome);
  return {
    outcome,
    text: out + err,
    code: exitCodeOf(outcome),
    before: planned.changes[0]?.before,
  };
}

const pausedBy = (by: string) =>
  ({ state: "paused", paused: { at: "", by, why: "", left_s: 60 } }) as const;

describe("ramp pause", () => {
  it("of a process without a sign of life is pending: what stays, and what ends it or goes on", async () => {
    const { text, code, before } = await said(rampPause, HELD, HOUR_MS);
    const silence = "no sign of life from laptop since 2026-03-01T12:00:00Z";
    expect(before).toBe(silence);
    expect(code).toBe(21);
    expect(text.split("\n")[0]).toBe(
      `! ramp pause: pending, waiting for laptop to obey: ${silence}; the share stays at 20 %: there is no lease that lowers it, and its gate is not checked`,
    );
    expect(text).toMatch(
      /→ next: pixcanary ramp resume .*# takes over here; or: ramp abort, which/,
    );
    expect(text).not.toMatch(/requested|holding/);
    expect(control()).toMatchObject({ want: "pause", ramp: "RAMP" });
  });

  it("says when the lease lowers the share", async () => {
    const lease_until = new Date(START_MS + 2 * HOUR_MS).toISOString();
    const { text } = await said(rampPause, { ...HELD, lease_s: 7_200, lease_until }, HOUR_MS);
    expect(text).toContain(
      "the share stays at 20 % until 2026-03-01T14:00:00Z, then the lease lowers it to 1 %",
    );
  });

  it("of one heard of lately waits for its answer, and is pending without one", async () => {
    const { outcome, code } = await said(rampPause, HELD, 60_000);
    expect(code).toBe(21);
    expect(outcome).toMatchObject({
      waitingFor: expect.stringMatching(
        /^laptop to obey: no answer, last update \d+ (s|min) ago; the share/,
      ),
    });
  });

  it("is done once the process elsewhere has obeyed", async () => {
    stage.onSleep = () => {
      const obeyed = control()?.id ?? null;
      stage.documents.set(RAMP_KEY, JSON.stringify({ ...HELD, ...pausedBy("tester"), obeyed }));
    };
    const { outcome } = await said(rampPause, HELD, 60_000);
    expect(outcome).toMatchObject({ kind: "done", headline: "paused at 20 % on laptop" });
  });

  it("of one that its gate has paused says that no process runs it, and waits for none", async () => {
    const { outcome } = await said(rampPause, { ...HELD, ...pausedBy(GATE) }, 60_000);
    expect(outcome).toMatchObject({
      kind: "done",
      changed: false,
      headline: "paused already by its gate; no process runs it until ramp resume",
    });
  });
});

test.each([rampPause, rampResume] as const)(
  "$name of a cron that does not run is pending",
  async (verb) => {
    const { text, code } = await said(verb as ChangingVerb, { ...HELD, mode: "detached" }, HOUR_MS);
    expect(code).toBe(21);
    expect(text).toMatch(
      /waiting for the Worker's cron to obey: no sign of life from the Worker's cron/,
    );
    expect(text).toMatch(/→ next: pixcanary ramp abort .*# ends it$/m);
  },
);

test("an abort that KV does not show has to be repeated: nobody else would end the ramp", async () => {
  const { documents } = stage.ports();
  const put = async (key: string, text: string) => {
    if (key !== RAMP_KEY) stage.documents.set(key, text);
  };
  const { outcome } = await said(rampAbort, HELD, HOUR_MS, { documents: { ...documents, put } });
  expect(outcome).toMatchObject({
    kind: "pending",
    waitingFor: expect.stringMatching(
      /no sign of life from laptop since .* only a repeat is certain/,
    ),
    next: "pixcanary ramp abort --env model",
  });
});
