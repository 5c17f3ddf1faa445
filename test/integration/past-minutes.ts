/** Prints data points of the last six minutes, in which native fails: visitors of both cohorts at a steady rate. */
import { requests } from "../runbook/measured.ts";

const MINUTES = 6;
const nowMs = Date.now();
const points = Array.from({ length: MINUTES }, (_, nth) =>
  requests(nowMs - (MINUTES - nth) * 60_000, "failing"),
);
process.stdout.write(JSON.stringify(points.flat()));
