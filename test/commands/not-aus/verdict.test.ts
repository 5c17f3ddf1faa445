/** What is said of a stop that was not written. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { NOT_ASKED } from "../../../src/commands/lib/prove-live.ts";
import { PROXY_NOT_ASKED } from "../../../src/commands/lib/proxy-health.ts";
import { SIGNED_OFF } from "../../../src/commands/lib/signed.ts";
import type { WriteResult } from "../../../src/commands/lib/write-result.ts";
import { manualLines } from "../../../src/commands/not-aus/manual-lines.ts";
import type { StopRun } from "../../../src/commands/not-aus/stop-run.ts";
import { isTokenRefused, stopVerdict } from "../../../src/commands/not-aus/verdict.ts";
import type { Sighting } from "../../../src/domain/proof/expectation.ts";
import type { QaDocument } from "../../../src/domain/proof/qa-document.ts";
import type { CanaryConfig, StopDocument } from "../../../src/domain/state/documents.ts";
import { UpstreamError, type UpstreamKind } from "../../../src/ports/errors.ts";
import { modelPorts, modelStore } from "../../support/fake-ports.ts";
import { PLAIN, sightingOf } from "../watch/world.ts";

const earlier: StopDocument = { active: true, id: "EARLIER", by: "anna" };

const CONFIG: CanaryConfig = {
  canary_percent: 10,
  canary_tag: "B2a",
  emergency_proxy: false,
  last_updated: "2026-03-01T12:00:00Z",
};

function failedRun(kind: UpstreamKind, found: StopDocument | null): StopRun {
  const failed = { kind: "failed", error: new UpstreamError(kind, "HTTP 4xx") } as const;
  return {
    stop: { active: true, id: "OURS" },
    writes: { stop: failed, config: failed, signed: SIGNED_OFF },
    stored: { kind: "unknown", earlier: found },
    proof: NOT_ASKED,
    proxyHealth: PROXY_NOT_ASKED,
    before: null,
    verify: true,
    interrupted: null,
  };
}

function ports() {
  const [scheduler] = fc.sample(fc.scheduler(), 1);
  if (scheduler === undefined) throw new Error("no scheduler");
  return modelPorts(modelStore({ config: [null], stop: [null] }, scheduler, [0]));
}

const DATA = { already: null, written: { stop_ms: null, config_ms: null } };
const said = (run: StopRun) => stopVerdict(run, DATA, ports());

it.each([
  ["forbidden", "auth", "this one was refused (HTTP 4xx)"],
  ["auth", "auth", "this one was refused (HTTP 4xx)"],
  ["rejected", "upstream", "this one was refused (HTTP 4xx)"],
  ["unavailable", "upstream", "this one could not be written (HTTP 4xx)"],
] as const)(
  "%s: the earlier stop is named, and not as live unless a /qa shows it",
  (kind, code, end) => {
    expect(said(failedRun(kind, earlier))).toMatchObject({
      kind: "failed",
      code,
      message: `the earlier stop by anna is stored; ${end}`,
    });
    expect(said(failedRun(kind, null))).toMatchObject({
      message: "the stop could not be written: HTTP 4xx",
    });
  },
);

/** A location where the earlier stop is in force, as `/qa` shows it there. */
function showing(found: StopDocument | null): Sighting {
  const { stop, ...plain } = sightingOf(PLAIN, 10, true).qa as QaDocument;
  const { id = null, at = null, by = null, reason = null } = found ?? {};
  const named = { key: "stop", mark: "m", id, at, by, reason } as const;
  const emergencies = found === null ? [] : [named];
  const decision = { tag: "B2a", cohort: "proxy", reason: "emergency" } as const;
  const qa = found === null ? null : { ...plain, stop, emergencies };
  return { ...sightingOf(PLAIN, 10, true), decision, qa, problem: qa && "HTTP 401" };
}

const seenAt = (...sightings: Sighting[]) => ({ proof: { ...NOT_ASKED, sightings } });
const FAILED = (kind: UpstreamKind, status: number | null = 500): WriteResult => ({
  kind: "failed",
  error: new UpstreamError(kind, `HTTP ${status}`, { status }),
});
const WRITTEN: WriteResult = { kind: "written", elapsedMs: 1 };

it("to whom an earlier stop belongs is said also when only /qa shows it", () => {
  const run = failedRun("unavailable", null);
  expect(said({ ...run, ...seenAt(showing(earlier)) })).toMatchObject({
    kind: "failed",
    code: "upstream",
    message: "the earlier stop by anna is in force; this one could not be written (HTTP 4xx)",
  });
  const elsewhere = sightingOf(PLAIN, 10);
  expect(said({ ...run, ...seenAt(showing(earlier), elsewhere) })).toMatchObject({
    message: expect.stringMatching(
      /^the earlier stop by anna is in force at 1 of 2 \/qa; this one/,
    ),
  });
  expect(said({ ...run, ...seenAt(showing(null)) })).toMatchObject({
    message: expect.stringMatching(
      /^an earlier emergency is in force \(no \/qa shows its author\); /,
    ),
  });
  const own = { ...earlier, id: run.stop.id };
  expect(JSON.stringify(said({ ...run, ...seenAt(showing(own)) }))).not.toContain("earlier");
});

it("an emergency that only config held before is named by its author", () => {
  const before = { ...CONFIG, emergency_proxy: true, updated_by: "bo" };
  expect(said({ ...failedRun("rejected", null), before })).toMatchObject({
    kind: "failed",
    message: "the earlier emergency in config by bo is stored; this one was refused (HTTP 4xx)",
  });
});

it.each([
  [500, "this one may not have been written (HTTP 500)"],
  [null, "this one may not have been written (no answer from the API)"],
])("HTTP %s to the end: pending, and the earlier stop is named", (status, own) => {
  const run = failedRun("ambiguous", earlier);
  const stop = FAILED("ambiguous", status);
  expect(said({ ...run, writes: { ...run.writes, stop, config: stop } })).toMatchObject({
    kind: "pending",
    waitingFor: expect.stringContaining(`the earlier stop by anna is stored; ${own}`),
  });
  expect(
    said({ ...run, writes: { ...run.writes, stop, config: stop }, interrupted: "SIGINT" as const }),
  ).toMatchObject({ kind: "interrupted", truth: expect.stringContaining(own) });
});

it.each([
  [WRITTEN, "config holds this emergency, this one is not written"],
  [FAILED("ambiguous"), "config may hold this emergency, this one is not written"],
])("a stop that was refused is not what is waited for when config is %j", (config, own) => {
  const run = { ...failedRun("rejected", earlier) };
  expect(said({ ...run, writes: { ...run.writes, config } })).toMatchObject({
    kind: "pending",
    waitingFor: `a repeat: the stop was refused (HTTP 4xx); the earlier stop by anna is stored; ${own}, emergency seen at 0 of 0 /qa`,
  });
});

it("a stop that the API took and reads do not show is waited for beside the one that they show", () => {
  const run = failedRun("rejected", earlier);
  expect(said({ ...run, writes: { ...run.writes, stop: WRITTEN, config: WRITTEN } })).toMatchObject(
    {
      kind: "pending",
      waitingFor: expect.stringContaining("; reads still show the earlier stop by anna"),
    },
  );
});

it.each([
  ["forbidden", true],
  ["auth", true],
  ["rejected", false],
  ["unavailable", false],
] as const)("%s: no way that uses the refused token comes first", (kind, refused) => {
  const run = failedRun(kind, null);
  expect(isTokenRefused(run)).toBe(refused);
  const outcome = said(run);
  const next = outcome.kind === "failed" ? outcome.next : "";
  expect(next.endsWith(" --token-file ANOTHER_TOKEN")).toBe(refused);
  const [first] = manualLines(ports().target, {
    apiSilent: false,
    tokenRefused: isTokenRefused(run),
  });
  expect(first).toMatch(
    refused ? /^open https:\/\/dash\.cloudflare\.com\// : /wrangler kv key put/,
  );
});
