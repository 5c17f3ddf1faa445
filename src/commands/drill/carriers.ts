/** Which carriers have shown a stop: each location waits until each of them has, as either alone is enough for a stop. */

import { time } from "../../domain/drill/stages.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import { carriersAt, type Sighting } from "../../domain/proof/expectation.ts";
import type { Carrier } from "../../domain/state/carriers.ts";
import type { Ports } from "../../ports/ports.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";

/** As long as a stop may take to be live. */
const LIMIT_MS = 90_000;
const EVERY_MS = 500;

export interface CarriersSeen {
  notes: string[];
  /** Which carrier has not shown it, and where; null: none. */
  problem: string | null;
}

/** `startedMs`: when the stop was sent, on the monotonic clock. */
export async function seenByCarriers(ports: Ports, startedMs: number): Promise<CarriersSeen> {
  const { clock, interrupt } = ports;
  const signal = anySignal([clock.timeout(LIMIT_MS), interrupt]);
  const seen: SeenAt = { kv: new Map(), beacon: new Map() };
  for (;;) {
    const looks = await lookEverywhere(ports, "cached", signal);
    for (const look of looks) keep(seen, look, clock.monotonic() - startedMs);
    const missing = missingAt(seen, looks, ports.stopSender !== null);
    if (missing.length === 0 || signal.aborted) return told(seen, looks, missing, ports);
    await clock.sleep(EVERY_MS, signal).catch(() => undefined);
  }
}

/** By URL: where, and after how many milliseconds. */
type SeenAt = Record<Carrier, Map<string, { place: string; ms: number }>>;

function keep(seen: SeenAt, look: Sighting, ms: number): void {
  for (const carrier of carriersAt(look) ?? []) {
    if (!seen[carrier].has(look.url)) seen[carrier].set(look.url, { place: placeOf(look), ms });
  }
}

/** The beacon has only stops that the Worker took itself: without an operator key there is none to wait for. */
function missingAt(seen: SeenAt, looks: readonly Sighting[], signed: boolean): string[] {
  return looks.flatMap((look) => {
    const wanted: Carrier[] = look.qa?.beacon === undefined || !signed ? ["kv"] : ["kv", "beacon"];
    return wanted
      .filter((carrier) => !seen[carrier].has(look.url))
      .map((carrier) => `${carrier} at ${placeOf(look)}`);
  });
}

function told(
  seen: SeenAt,
  looks: readonly Sighting[],
  missing: readonly string[],
  { stopSender }: Ports,
): CarriersSeen {
  const notes = (["kv", "beacon"] as const).flatMap((carrier) => {
    const shown = [...seen[carrier].values()];
    if (shown.length === 0) return [];
    const last = time(Math.max(...shown.map(({ ms }) => ms)));
    return [
      `shown by ${carrier} at ${shown.map(({ place }) => place).join(", ")}, the last after ${last}`,
    ];
  });
  const hasBeacon = looks.some(({ qa }) => qa?.beacon !== undefined);
  if (!hasBeacon) notes.push("no location has a beacon: KV alone carries a stop");
  else if (stopSender === null) notes.push("no operator key: the beacon does not get this stop");
  const problem = `not shown within ${LIMIT_MS / 1_000} s by ${missing.join(", ")}`;
  return { notes, problem: missing.length === 0 ? null : problem };
}
