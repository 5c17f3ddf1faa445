import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { HANG_MS, PATIENCE } from "./test/support/patience.ts";

/**
 * The long files first: one that starts last would run alone at the end. Those that mostly wait
 * alternate with those that compute, so that two that run together do not want the same processor.
 */
const LONG = [
  "integration/ladder",
  "integration/ramp",
  "integration/carriers-ramp",
  "integration/drill-rungs",
  "integration/drill",
  "integration/permissions",
  "integration/fleet",
  "integration/carriers",
  "cli/relief",
  "world/world",
  "commands/logs/errors",
  "integration/doctor-setups",
  "runbook/runbook",
  "integration/crippled",
  "integration/ladder-halves",
  "integration/conflicts",
  "integration/drill-terminal",
  "package/pack",
  "acceptance/kv-failure",
  "dashboard/page",
  "integration/carriers-purge",
  "sandbox/sessions",
  "integration/smoke",
  "commands/logs/tail",
  "sandbox/earlier-stop",
  "integration/fault-singles",
  "integration/setup-empty-sandbox",
  "integration/validate",
  "integration/secrets",
  "cli/completion-shells",
  "integration/rotate-keys",
  "integration/assess",
  "sandbox/guardian",
  "sandbox/metrics",
  "integration/setup",
  "commands/watch/watch",
  "sandbox/versions",
  "integration/fault-pairs",
  "integration/signed-stop",
  "commands/not-aus/race",
  "acceptance/cookies",
  "acceptance/config-values",
  "domain/state/isolate-memory-histories",
  "acceptance/matrix",
  "integration/whole-way",
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONG.findIndex((name) => moduleId.includes(`/test/${name}.test.ts`));
      return index === -1 ? LONG.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/connections.ts"],
    // They end a hang; no test is judged by how long it took. Waits inside end before, and say for what.
    testTimeout: 2 * HANG_MS,
    hookTimeout: 2 * HANG_MS,
    expect: { poll: PATIENCE },
    // Nothing leaves loopback: the certificates of a machine would only be copied into each workerd.
    env: { NODE_EXTRA_CA_CERTS: "" },
    pool: "forks",
    // For two cores: many tests mostly wait, for a ramp, a fault or a location that lags.
    maxWorkers: 6,
    // A worker goes on with the next file: importing workerd's and Postgres's wrappers anew for each
    // took a tenth of the suite. What a file changes of its process, it changes back.
    isolate: false,
    // Miniflare grows the configuration of each runtime by 4 kB, and a new buffer each time. Unless these count as a part
    // of the heap, V8 marks the whole heap again and again: three quarters of what a start costs this side.
    execArgv: ["--external-memory-accounted-in-global-limit"],
    sequence: { sequencer: LongFirst },
  },
});
