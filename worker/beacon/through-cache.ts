/** How an isolate reaches the beacon: reads through a cache of its location, tells past it. */
import type { BeaconAnswer, Told } from "../../src/domain/state/beacon.ts";
import { parseBeaconAnswer } from "../../src/domain/state/beacon.ts";
import { withLimit } from "../limit.ts";
import type { BeaconCarrier, BeaconRead } from "./carrier.ts";

/** The entrypoint of this Worker that stands before the beacon, see entrypoint.ts. */
export interface BeaconEntrypoint {
  fetch(url: string): Promise<Response>;
  tell(text: string): Promise<{ answer: BeaconAnswer; told: Told }>;
}

const TELL_LIMIT_MS = 3_000;
const URL_OF_ANSWER = "https://beacon.invalid/answer";
/** Where there is no Workers Cache, one answer per location and second is shared through the Cache API. */
const SHARED_S = 1;

export function beaconCarrier(entrypoint: BeaconEntrypoint): BeaconCarrier {
  let isCached = true;
  const read = async (): Promise<BeaconRead> => {
    const shared = isCached ? undefined : await sharedAnswer();
    const response = shared ?? (await entrypoint.fetch(URL_OF_ANSWER));
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the beacon answered HTTP ${response.status}`);
    }
    const cache = response.headers.get("Cf-Cache-Status");
    const text = await response.text();
    isCached = cache !== null;
    if (!isCached && shared === undefined) await share(text);
    return { ...parseSaid(text), cache };
  };
  return {
    read,
    tell: (text) => withLimit("beacon", TELL_LIMIT_MS, entrypoint.tell(text)),
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

async function sharedAnswer(): Promise<Response | undefined> {
  try {
    return await caches.default.match(URL_OF_ANSWER);
  } catch {
    return undefined;
  }
}

async function share(text: string): Promise<void> {
  const headers = { "Cache-Control": `public, max-age=${SHARED_S}` };
  try {
    await caches.default.put(URL_OF_ANSWER, new Response(text, { headers }));
  } catch {
    // Without it each isolate asks by itself.
  }
}
