/** `npm run bench`: the numbers of DESIGN §9, as ratios within one run. Never part of the tests. */
import { cpus, loadavg } from "node:os";
import { benchBeacon } from "./beacon.ts";
import { benchDashboard } from "./dashboard.ts";
import { benchDoctor } from "./doctor.ts";
import { benchLogs } from "./logs.ts";
import { benchProxy } from "./proxy.ts";
import { type Goal, goalLine } from "./statistics.ts";
import { benchStop } from "./stop.ts";

const benches: Record<string, () => Promise<Goal[]>> = {
  stop: benchStop,
  beacon: benchBeacon,
  proxy: benchProxy,
  logs: benchLogs,
  doctor: benchDoctor,
  dashboard: benchDashboard,
};
const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : Object.keys(benches);

console.log(
  `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.versions.node}`,
);
for (const name of names) {
  const bench = benches[name];
  if (bench === undefined)
    throw new Error(`no bench ${name}; there are ${Object.keys(benches).join(", ")}`);
  console.log(`${name}`);
  for (const goal of await bench()) console.log(goalLine(goal));
}
