/** The rungs of the ladder beyond a plain stop, for the program that has the time to load them. */
import { type Rungs, STOP_CHANGES } from "./rung-data.ts";
import { planRoute, takeRoute } from "./via-route.ts";
import { takeVersion } from "./via-version.ts";

export const rungs: Rungs = {
  async plan(input, ports) {
    if (input.via === "route") return planRoute(input, ports);
    const change = {
      what: "deployment",
      before: "not read",
      after: "the proxy-only version, 100 %",
    };
    return {
      kind: "plan",
      risk: "relief",
      changes: [change, ...STOP_CHANGES],
      notes: [],
      steps: { via: "version" },
    };
  },
  apply(steps, input, ports) {
    return steps.via === "route" ? takeRoute(steps, input, ports) : takeVersion(input, ports);
  },
};
