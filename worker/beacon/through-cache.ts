/** How an isolate reaches the beacon: reads through a cache of its location, tells past it. */
import type { BeaconAnswer, Told } from "../../src/domain/state/beacon.ts";
import { parseBeaconAnswer } from "../../src/domain/state/beacon.ts";
import type { KeepAlive } from "../carrier-reader.ts";
import { withLimit } from "../limit.ts";
import type { BeaconCarrier, BeaconRead } from "./carrier.ts";

/** The entrypoint of this Worker that stands before the beacon, see entrypoint.ts. */
export interface BeaconEntrypoint {
  fetch(url: string): Promise<Response>;
  tell(text: string): Promise<{ answer: BeaconAnswer; told: Told }>;
}

const TELL_LIMIT_MS = 3_000;
/** Where there is no Workers Cache, one answer per location and second is shared through the Cache API. */
const SHARED_S = 1;

/** `objectId`: Workers of one zone share the Cache API, and each has a beacon of its own. */
export function beaconCarrier(entrypoint: BeaconEntrypoint, objectId: string): BeaconCarrier {
  const url = `https://beacon.invalid/${objectId}`;
  let isCached = true;
  const read = async (keepAlive: KeepAlive): Promise<BeaconRead> => {
    const shared = isCached ? undefined : await sharedAnswer(url);
    if (shared !== undefined) return { ...parseSaid(await shared.text()), cache: null };
    const response = await entrypoint.fetch(url);
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the beacon answered HTTP ${response.status}`);
    }
    const cache = response.headers.get("Cf-Cache-Status");
    const text = await response.text();
    isCached = cache !== null;
    // It may hold a stop: nothing keeps it back.
    if (!isCached) keepAlive(share(url, text));
    return { ...parseSaid(text), cache };
  };
  return {
    read,
    tell: async (text) => withLimit("beacon", TELL_LIMIT_MS, entrypoint.tell(text)),
  };
}

/** What the entrypoint answers. */
export function saidText(answer: BeaconAnswer, saidAtMs: number): string {
  return JSON.stringify({ saidAtMs, answer });
}

function parseSaid(text: string): Pick<BeaconRead, "answer" | "saidAtMs"> {
  const { saidAtMs, answer } = JSON.parse(text) as Record<string, unknown>;
  if (typeof saidAtMs !== "number") throw new TypeError("the beacon's answer has no time");
  return { saidAtMs, answer: parseBeaconAnswer(answer) };
}

async function sharedAnswer(url: string): Promise<Response | undefined> {
  try {
    return await caches.default.match(url);
  } catch {
    return undefined;
  }
}

async function share(url: string, text: string): Promise<void> {
  const headers = { "Cache-Control": `public, max-age=${SHARED_S}` };
  try {
    await caches.default.put(url, new Response(text, { headers }));
  } catch {
    // Without it each isolate asks by itself.
  }
}
