import { describe, expect, it } from "vitest";
import { compare, expectationOf, type Sighting } from "../../../src/domain/proof/expectation.ts";
import type { QaDocument } from "../../../src/domain/proof/qa-document.ts";
import { parseState } from "../../../src/domain/state/state.ts";

function sighting(canary: Partial<QaDocument["canary"]>, over: Partial<Sighting> = {}): Sighting {
  const reason = canary.emergency_proxy ? "emergency" : "sampled";
  const qa = {
    canary: {
      sampling_active: true,
      percent: 10,
      tag: "B2a",
      cohort: "proxy",
      decision_reason: reason,
      emergency_proxy: false,
      revision: "R1",
      last_updated: "2025-11-15T10:30:00Z",
      source: "kv",
      age_ms: 1,
      ...canary,
    },
  } as QaDocument;
  const decision = { tag: "B2a", cohort: "proxy", reason } as const;
  return {
    url: "http://127.0.0.1/qa",
    atMs: 0,
    status: 200,
    colo: "FRA",
    decision,
    qa,
    problem: null,
    ...over,
  };
}

describe("a stop is seen", () => {
  it("by the decision header alone, without a token", () => {
    const refused = sighting(
      { emergency_proxy: true },
      { status: 401, qa: null, problem: "refused" },
    );
    expect(compare({ emergency: true }, refused).seen).toBe(true);
  });
  it("not where native or a sample still decides", () => {
    expect(compare({ emergency: true }, sighting({})).seen).toBe(false);
    const native = sighting(
      { emergency_proxy: true },
      { decision: { tag: "B2a", cohort: "native", reason: "header" } },
    );
    expect(compare({ emergency: true }, native).seen).toBe(false);
  });
  it("not without an answer, and not from somebody else's server", () => {
    expect(
      compare({ emergency: true }, sighting({}, { status: null, qa: null, decision: null })).seen,
    ).toBe(false);
    expect(compare({ emergency: true }, sighting({}, { decision: null })).seen).toBe(false);
  });
});

describe("this very stop is seen", () => {
  const expected = (headerSuffices: boolean) => ({
    emergency: true,
    stop: { id: "NEW", headerSuffices },
  });
  const withStop = (id: string) => {
    const seen = sighting({ emergency_proxy: true });
    if (seen.qa !== null) seen.qa.stop = { active: true, id, at: null, by: null, reason: null };
    return seen;
  };

  it("by its id or by the revision of its mirror, not by an earlier stop", () => {
    expect(compare(expected(true), withStop("NEW")).seen).toBe(true);
    expect(compare(expected(true), withStop("OLD")).seen).toBe(false);
    const mirrored = withStop("OLD");
    if (mirrored.qa !== null) mirrored.qa.canary.revision = "NEW";
    expect(compare(expected(true), mirrored).seen).toBe(true);
  });
  it("by the header alone only when no earlier stop can be about", () => {
    const refused = sighting(
      { emergency_proxy: true },
      { status: 401, qa: null, problem: "refused" },
    );
    expect(compare(expected(true), refused).seen).toBe(true);
    expect(compare(expected(false), refused).seen).toBe(false);
  });
});

describe("a configuration is seen", () => {
  it("by its revision and share, read from KV", () => {
    const expected = { emergency: false, revision: "R1", percent: 10 };
    expect(compare(expected, sighting({})).seen).toBe(true);
    expect(compare(expected, sighting({ revision: "R0" })).seen).toBe(false);
    expect(compare(expected, sighting({ percent: 5 })).seen).toBe(false);
    expect(compare(expected, sighting({ source: "last-good" })).seen).toBe(false);
    expect(compare(expected, sighting({ emergency_proxy: true })).seen).toBe(false);
  });
  it("not without the document", () => {
    const refused = sighting({}, { status: 401, qa: null, problem: "refused the QA token" });
    expect(compare({ emergency: false, revision: "R1" }, refused)).toEqual({
      seen: false,
      because: "refused the QA token",
    });
  });
  it("by its time, when it was written by hand", () => {
    const text =
      '{"canary_percent":10,"canary_tag":"B2a","emergency_proxy":false,"last_updated":"2025-11-15T10:30:00Z"}';
    const expected = expectationOf(parseState({ config: text, stop: null }));
    expect(compare(expected, sighting({ revision: null })).seen).toBe(true);
    expect(compare(expected, sighting({ last_updated: "2025-11-15T10:29:00Z" })).seen).toBe(false);
  });
});

describe("the further rungs", () => {
  const stopped = (version: string | null, over: Partial<Sighting> = {}) => {
    const seen = sighting({ emergency_proxy: true }, over);
    if (seen.qa !== null) Object.assign(seen.qa, { worker_version: version });
    return seen;
  };

  it("a version is seen by worker_version alone: an emergency may have another cause", () => {
    const expected = { emergency: true, versions: ["v1", "v2"] };
    expect(compare(expected, stopped("v2"))).toEqual({ seen: true });
    expect(compare(expected, stopped("v3"))).toEqual({
      seen: false,
      because: "still runs version v3",
    });
    expect(compare(expected, stopped(null)).seen).toBe(false);
    const refused = stopped(null, { qa: null, problem: "refused the QA token (HTTP 401)" });
    expect(compare(expected, refused)).toMatchObject({ because: expect.stringContaining("401") });
    expect(compare({ ...expected, emergency: true }, sighting({})).seen).toBe(false);
  });

  it.each([
    [200, true],
    [404, true],
    [500, false],
    [530, false],
    [null, false],
  ])("a deleted route by an answer without the Worker's header; HTTP %s: %s", (status, seen) => {
    const answer = sighting({}, { status, decision: null, qa: null });
    expect(compare({ emergency: true, bypassed: true }, answer).seen).toBe(seen);
  });

  it("no deleted route while the Worker still answers", () => {
    const because = "the Worker still answers";
    expect(compare({ emergency: true, bypassed: true }, stopped("v1"))).toEqual({
      seen: false,
      because,
    });
  });
});
