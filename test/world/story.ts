/** A history as a story: one line per event, in the order in which it happened. */
import { START_MS, type Plan } from "./plan.ts";
import { play } from "./play.ts";
import type { Twin } from "./twins.ts";

/** "10:00:03.120 anna  types not-aus". */
export async function storyOf(plan: Plan, twin: Twin): Promise<string> {
  const lines: string[] = [placesOf(plan)];
  let nowMs = START_MS;
  const { broken } = await play(plan, twin, (who, words, atMs) => {
    nowMs = atMs;
    lines.push(`${clockOf(atMs)} ${who.padEnd(6)} ${words}`);
  });
  if (broken !== null) lines.push(`${clockOf(nowMs)} BROKEN ${broken.rule}: ${broken.words}`);
  return lines.join("\n");
}

function placesOf({ seed, locations, faults, percent, stopped }: Plan): string {
  const places = locations.map(
    ({ name, lagMs, tiers, hasQa }) =>
      `${name} (copies up to ${lagMs} ms old${tiers === 2 ? ", in two caches" : ""}${hasQa ? "" : ", no /qa"})`,
  );
  const broken = faults.map(
    ({ trouble, at, fromMs, toMs }) =>
      `${trouble}${at === null ? "" : ` at ${at}`} ${clockOf(START_MS + fromMs)}–${clockOf(START_MS + toMs)}`,
  );
  const start = stopped ? "stopped" : `${percent} %`;
  return [`seed ${seed}; ${start}; ${places.join(", ")}`, ...broken].join("\n");
}

function clockOf(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}
