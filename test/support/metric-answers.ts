/** Metrics that answer with what was observed; what was not seen is a failure of the API. */
import type { Observations, Observed } from "../../src/domain/policy/observations.ts";
import type { Metrics } from "../../src/ports/api.ts";
import { UpstreamError } from "../../src/ports/errors.ts";

export function metricsOf({ health, failures, orphans }: Observations, nowMs: number): Metrics {
  const answer = (observed: Observed<unknown>): unknown[] => {
    if (observed.kind === "unseen") throw new UpstreamError("unavailable", observed.because);
    return Array.isArray(observed.value) ? observed.value : [observed.value];
  };
  return {
    async ask(question) {
      const { name, read } = question("canary_requests");
      if (name === "health by minute") return read(answer(health));
      if (name === "achieved share") return read([]);
      if (name !== "orphaned intents by minute") return read(answer(failures));
      const counts = answer(orphans) as object[];
      return read(counts.map((count) => ({ bucket: nowMs / 1_000 - 3_600, ...count })));
    },
  };
}
