/**
 * Whether proxy, where every relief command sends visitors, is sick itself. Relief obeys in any case,
 * so this is asked next to its proof and never waited for: what has not been answered by the end of
 * the command is not said.
 */

import { anySignal } from "../../domain/lib/abort.ts";
import { healthBuckets } from "../../domain/metrics/queries.ts";
import { evaluate } from "../../domain/policy/evaluate.ts";
import type { Finding } from "../../domain/policy/finding.ts";
import { lastBuckets } from "../../domain/policy/observations.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import type { Ports } from "../../ports/ports.ts";
import { sentence } from "./findings-text.ts";

/** The first look at `/qa` goes before: most stops are proved within it, and then nothing is asked. */
const HEAD_START_MS = 40;
const LIMIT_MS = 5_000;

export interface ProxyQuestion {
  /** What is wrong with proxy, as far as is known by now; null when nothing is. */
  problem(sightings: readonly Sighting[]): string | null;
  /** Nobody waits for the answer any more. */
  end(): void;
}

type Asked = Pick<Ports, "clock" | "interrupt" | "metrics" | "target">;

/** To be called when the write has arrived. Never throws. */
export function askAfterProxy(ports: Asked): ProxyQuestion {
  const over = new AbortController();
  let found: Finding | null = null;
  const ask = async (): Promise<void> => {
    await ports.clock.sleep(HEAD_START_MS, over.signal);
    const limit = ports.clock.timeout(LIMIT_MS);
    const signal = anySignal([over.signal, limit, ports.interrupt]);
    found = await proxyFinding(ports, signal);
  };
  if (ports.target.dataset !== null) void ask().catch(() => undefined);
  return {
    problem: (sightings) => pinged(sightings) ?? measured(found),
    end: () => over.abort(),
  };
}

/** For a run that is not to look at anything. */
export const PROXY_NOT_ASKED: ProxyQuestion = { problem: () => null, end: () => undefined };

function pinged(sightings: readonly Sighting[]): string | null {
  const sick = sightings.find((sighting) => sighting.qa?.health.proxy.status === "failing");
  return sick === undefined ? null : (sick.qa?.health.proxy.problem ?? "failing");
}

function measured(finding: Finding | null): string | null {
  return finding?.verdict === "fail" ? sentence(finding) : null;
}

async function proxyFinding(ports: Asked, signal: AbortSignal): Promise<Finding | null> {
  const { policy } = ports.target;
  const nowS = Math.floor(ports.clock.now() / 1_000);
  const window = lastBuckets(nowS, policy, policy.proxyUnhealthy.minutes);
  const rows = await ports.metrics.ask(
    (dataset) => healthBuckets(dataset, window, policy.bucketSeconds),
    { signal },
  );
  const unseen = { kind: "unseen", because: "not asked" } as const;
  const seen = { nowS, failures: unseen, orphans: unseen, lastReductionS: unseen };
  const { findings } = evaluate({ ...seen, health: { kind: "seen", value: rows } }, policy);
  return findings.find(({ family }) => family === "proxy") ?? null;
}

/** One line for the end of a relief command. */
export function proxyLines(problem: string | null): string[] {
  return problem === null
    ? []
    : [`! WARNING: the legacy origin (proxy) is failing too: ${problem}`];
}
