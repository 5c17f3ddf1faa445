/** A history as a story: one line per event, in the order in which it happened. */
import { type Plan, START_MS } from "./plan.ts";
import { play } from "./play.ts";
import type { Twin } from "./twins.ts";

/** "10:00:03.120 anna  types not-aus". */
export async function storyOf(plan: Plan, twin: Twin): Promise<string> {
  const lines: string[] = [placesOf(plan)];
  const said = new Map<string, string>();
  let nowMs = START_MS;
  const { broken } = await play(plan, twin, (who, words, atMs) => {
    nowMs = atMs;
    // A visitor who is answered as the one before is no news.
    if (said.get(who) === words) return;
    said.set(who, words);
    lines.push(`${clockOf(atMs)} ${who.padEnd(6)} ${words}`);
  });
  if (broken !== null) lines.push(`${clockOf(nowMs)} BROKEN ${broken.rule}: ${broken.words}`);
  return withShortIds(lines.join("\n"));
}

/** In the order in which they appear. */
function withShortIds(text: string): string {
  const names = new Map<string, string>();
  return text.replaceAll(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, (id) => {
    const name = names.get(id) ?? `#${names.size + 1}`;
    names.set(id, name);
    return name;
  });
}

function placesOf({ seed, locations, faults, percent, stopped, beacon }: Plan): string {
  const places = locations.map(
    ({ name, lagMs, tiers, hasQa }) =>
      `${name} (copies up to ${lagMs} ms old${tiers === 2 ? ", in two caches" : ""}${hasQa ? "" : ", no /qa"})`,
  );
  const broken = faults.map(
    ({ trouble, at, fromMs, toMs }) =>
      `${trouble}${at === null ? "" : ` at ${at}`} ${clockOf(START_MS + fromMs)}–${clockOf(START_MS + toMs)}`,
  );
  const start = stopped ? "stopped" : `${percent} %`;
  if (beacon !== null) {
    const { purgeMs, lost } = beacon;
    places.push(`a beacon (purges take up to ${purgeMs} ms, ${Math.round(lost * 100)} % are lost)`);
  }
  return [`seed ${seed}; ${start}; ${places.join(", ")}`, ...broken].join("\n");
}

function clockOf(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23);
}
