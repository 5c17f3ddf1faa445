/**
 * What stands before the beacon: `fetch` is answered from Workers Cache, a copy per location, so that the
 * beacon is asked by few; `tell` passes the cache by, and empties it at all locations when something changes.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import type { BeaconAnswer, Told } from "../../src/domain/state/beacon.ts";
import { copyLife, PURGE_AGAIN_MS } from "../../src/domain/state/beacon.ts";
import type { Bindings } from "../env.ts";
import { sleep, withLimit } from "../limit.ts";
import { BEACON_NAME } from "./name.ts";
import type { Beacon } from "./object.ts";
import { saidText } from "./through-cache.ts";

/** No visitor waits for it, and whoever reads gives up after READ_END_MS: slow is not failed. */
const READ_LIMIT_MS = 25_000;
const TAG = "beacon";

export class CachedBeacon extends WorkerEntrypoint<Bindings> {
  override async fetch(): Promise<Response> {
    const startedMs = Date.now();
    try {
      const answer = await withLimit("beacon", READ_LIMIT_MS, this.#object().read());
      const nowMs = Date.now();
      const headers = { "Cache-Control": copyLife(nowMs - startedMs), "Cache-Tag": TAG };
      return new Response(saidText(answer, nowMs), { headers });
    } catch {
      return new Response(null, { status: 503, headers: { "Cache-Control": "no-store" } });
    }
  }

  async tell(text: string): Promise<{ answer: BeaconAnswer; told: Told }> {
    const { answer, told, changed } = await this.#object().tell(text);
    if (changed) {
      // The beacon has it: no failure of a purge may look like one of the stop.
      this.ctx.waitUntil(this.#purge());
      this.ctx.waitUntil(sleep(PURGE_AGAIN_MS).then(() => this.#purge()));
    }
    return { answer, told };
  }

  async #purge(): Promise<void> {
    try {
      await this.ctx.cache?.purge({ tags: [TAG] });
    } catch {
      // The copies expire by themselves.
    }
  }

  #object(): DurableObjectStub<Beacon> {
    const namespace = this.env.BEACON as DurableObjectNamespace<Beacon> | undefined;
    if (namespace === undefined) throw new Error("BEACON is not bound");
    return namespace.get(namespace.idFromName(BEACON_NAME));
  }
}
