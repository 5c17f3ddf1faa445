/** What is said of a stop that was not written. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { NOT_ASKED } from "../../../src/commands/lib/prove-live.ts";
import { PROXY_NOT_ASKED } from "../../../src/commands/lib/proxy-health.ts";
import { manualLines } from "../../../src/commands/not-aus/manual-lines.ts";
import {
  isTokenRefused,
  type StopRun,
  stopVerdict,
} from "../../../src/commands/not-aus/verdict.ts";
import type { StopDocument } from "../../../src/domain/state/documents.ts";
import { UpstreamError, type UpstreamKind } from "../../../src/ports/errors.ts";
import { modelPorts, modelStore } from "../../support/fake-ports.ts";

const earlier: StopDocument = { active: true, id: "EARLIER", by: "anna" };

function failedRun(kind: UpstreamKind, found: StopDocument | null): StopRun {
  const failed = { kind: "failed", error: new UpstreamError(kind, "HTTP 4xx") } as const;
  return {
    stop: { active: true, id: "OURS" },
    writes: { stop: failed, config: failed },
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

const said = (run: StopRun) => stopVerdict(run, { already: null }, ports());

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
  const [first] = manualLines(ports().target, { tokenRefused: isTokenRefused(run) });
  expect(first).toMatch(
    refused ? /^open https:\/\/dash\.cloudflare\.com\// : /wrangler kv key put/,
  );
});
