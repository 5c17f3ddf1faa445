/** One word for the state in force. */
import { describe, expect, test } from "vitest";
import { bannerOf } from "../../../src/domain/dashboard/banner.ts";
import { serialiseCap } from "../../../src/domain/guardian/cap.ts";
import { serialiseConfig } from "../../../src/domain/state/documents.ts";
import type { RawState } from "../../../src/domain/state/state.ts";
import { parseState } from "../../../src/domain/state/state.ts";
import { journalEntry } from "../../support/journal-entries.ts";
import { BASE, rampOf } from "../ramp/world.ts";

const AT = "2026-11-29T14:00:00.000Z";
const config = (canary_percent: number, more = {}) =>
  serialiseConfig({ ...BASE, canary_percent, last_updated: AT, updated_by: "ada", ...more });
const of = (raw: Partial<RawState>, more = {}) =>
  bannerOf({
    state: parseState({ config: config(10), stop: null, ...raw }),
    shown: false,
    rungs: [],
    ramp: null,
    entries: [],
    ...more,
  });

describe("the banner", () => {
  test.each([
    ["NORMAL", of({})],
    ["DISABLED", of({ config: config(0) })],
    ["EMERGENCY", of({ stop: JSON.stringify({ active: true, id: "S", by: "bob", at: AT }) })],
    ["EMERGENCY", of({ config: config(0, { emergency_proxy: true }) })],
    ["EMERGENCY", of({ stop: "{" })],
    ["RAMP", of({}, { ramp: rampOf("10:2h,100") })],
    ["UNKNOWN", of({ config: null })],
    ["UNKNOWN", of({ config: "{}" })],
    ["UNKNOWN", bannerOf({ state: null, shown: false, rungs: [], ramp: null, entries: null })],
    ["EMERGENCY", bannerOf({ state: null, shown: true, rungs: [], ramp: null, entries: null })],
  ])("%s", (word, banner) => {
    expect(banner.word).toBe(word);
  });

  test("a rung that is taken comes before all that is stored: a release does not end it", () => {
    const rungs = [{ via: "version", patterns: [], at: AT, by: "bob" }];
    expect(of({}, { rungs })).toMatchObject({
      word: "EMERGENCY",
      detail: "all traffic to proxy by the proxy-only version, until restore",
    });
  });

  test("an emergency comes before a ramp, and before what is stored where a /qa shows one", () => {
    const stop = JSON.stringify({ active: true, id: "S", by: "bob", reason: "5xx", at: AT });
    expect(of({ stop }, { ramp: rampOf("10:2h,100") })).toMatchObject({
      word: "EMERGENCY",
      since: AT,
      by: "bob",
      why: "5xx",
    });
    expect(of({}, { shown: true }).word).toBe("EMERGENCY");
  });

  test("a share that was lowered last is REDUCED, until it is raised again", () => {
    const lowered = journalEntry({
      at: AT,
      before: { percent: 20, emergency: false, revision: "A" },
      after: { percent: 10, emergency: false, revision: "B" },
    });
    expect(of({}, { entries: [lowered] }).word).toBe("REDUCED");
    const raised = { ...lowered, before: lowered.after, after: { ...lowered.after, percent: 30 } };
    expect(of({}, { entries: [lowered, raised] }).word).toBe("NORMAL");
  });

  test("a cap of the guardian is REDUCED, by the guardian; of 0 % DISABLED", () => {
    const cap = {
      schema: 1 as const,
      id: "01JCQCAP000000000000000000",
      at: AT,
      by: "guardian",
      reason: "p90",
    };
    const capped = (percent: number) => of({ cap: serialiseCap({ ...cap, percent }) });
    expect(capped(5)).toMatchObject({ word: "REDUCED", by: "guardian", why: "p90" });
    expect(capped(5).detail).toContain("config says 10 %");
    expect(capped(0).word).toBe("DISABLED");
  });

  test("who, since when and why are left out where they are not known", () => {
    expect(of({ stop: JSON.stringify({ active: true, at: "soon" }) })).toMatchObject({
      since: null,
      by: null,
      why: null,
    });
  });
});
