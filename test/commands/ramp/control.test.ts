/** A word to a ramp counts because it is the newest one, whatever the ramp's document says by then. */
import { expect, test } from "vitest";
import { rampPause } from "../../../src/commands/ramp/pause.ts";
import { rampResume } from "../../../src/commands/ramp/resume.ts";
import { advance } from "../../../src/domain/ramp/advance.ts";
import {
  parseRampControl,
  RAMP_CONTROL_KEY,
  type RampDocument,
} from "../../../src/domain/ramp/document.ts";
import { parseState } from "../../../src/domain/state/state.ts";

import { rampOf, START_MS } from "../../domain/ramp/world.ts";
import { INPUT, RampStage } from "./stage.ts";

const paused = { at: new Date(START_MS).toISOString(), by: "ada@desk", why: "", left_s: 60 };

test.each([
  { kept: "paused", words: [rampResume, rampPause], after: "paused" },
  { kept: "running", words: [rampPause, rampResume], after: "running" },
] as const)(
  "$kept, told otherwise and back at once: stays $after",
  async ({ kept, words, after }) => {
    const stage = new RampStage();
    const ramp: RampDocument = {
      ...rampOf("20:1h,60"),
      state: kept,
      paused: kept === "paused" ? paused : null,
    };
    for (const word of words) {
      const known = { ramp, kept: ramp, from: "here", alive: true } as const;
      const outcome = await word.apply(known, INPUT, stage.ports());
      expect(outcome).toMatchObject({ kind: "done", changed: true });
    }
    const control = parseRampControl(stage.documents.get(RAMP_CONTROL_KEY) ?? null);
    const state = parseState({ config: stage.config, stop: stage.stop });
    const none = { live: null, covered: null, gate: null, unheard: null };
    const seen = { nowMs: stage.nowMs, state, control, ...none };
    expect(advance(ramp, seen).ramp.state).toBe(after);
  },
);
