import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The long files first: one that starts last would run alone at the end. Those that mostly wait
 * alternate with those that compute, so that two that run together do not want the same processor.
 */
const LONG = [
  "integration/assess",
  "commands/race",
  "integration/ramp",
  "integration/fleet",
  "integration/fault-pairs",
  "acceptance/matrix",
  "commands/logs-errors",
  "sandbox/guardian",
  "integration/secrets",
  "sandbox/sessions",
  "integration/fault-singles",
  "runbook/runbook",
  "acceptance/cookies",
  "commands/watch",
  "integration/smoke",
  "integration/validate",
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
    testTimeout: 120_000,
    hookTimeout: 60_000,
    pool: "forks",
    // A third one gains a minute on a quiet machine, and costs certainty on a busy one.
    maxWorkers: 4,
    // A worker goes on with the next file: importing workerd's and Postgres's wrappers anew for each
    // took a tenth of the suite. What a file changes of its process, it changes back.
    isolate: false,
    // Short-lived objects are most of what tests make; with the usual 16 MiB a tenth of the time went
    // into collecting them.
    execArgv: ["--max-semi-space-size=64"],
    sequence: { sequencer: LongFirst },
  },
});
