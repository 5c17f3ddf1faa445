/** The Node side of Workers Cache and of the way to the Durable Objects, for the Worker of one location. */
import * as z from "zod";
import type { NodeService } from "../edge/node-services.ts";
import { manyWaiters, pause, untilAborted } from "../pause.ts";
import type { CacheCopies } from "./copies.ts";
import type { ObjectRoad } from "./road.ts";

const matchSchema = z.object({ key: z.string() });
const keepSchema = z.object({
  key: z.string(),
  text: z.string(),
  cacheControl: z.string(),
  tags: z.array(z.string()),
});
const purgeSchema = z.object({ tags: z.array(z.string()) });

const MAX_AGE = /(?:^|[ ,])max-age=(\d+)/;

/** `match`, `keep` and `purge`. */
export function cacheService(copies: CacheCopies, colo: string): NodeService {
  return async (operation, body) => {
    if (operation === "match") {
      const { key } = matchSchema.parse(body);
      const text = copies.cached ? (copies.match(colo, key)?.text ?? null) : null;
      return { status: 200, json: { cached: copies.cached, text } };
    }
    if (operation === "keep") {
      const { key, text, cacheControl, tags } = keepSchema.parse(body);
      const storable = cacheControl.includes("public") && !cacheControl.includes("no-store");
      const maxAgeMs = storable ? 1_000 * Number(MAX_AGE.exec(cacheControl)?.[1] ?? 0) : 0;
      copies.keep(colo, key, { text, tags, maxAgeMs });
      return { status: 204 };
    }
    copies.purge(purgeSchema.parse(body).tags);
    return { status: 204 };
  };
}

/** Asked before each call of a Durable Object; `closing` ends those that hang on purpose. */
export function roadService(road: ObjectRoad, colo: string, closing: AbortSignal): NodeService {
  manyWaiters(closing);
  return async (method) => {
    const mode = road.take(colo);
    if (mode === "hang") await untilAborted(closing);
    if (method === "read") await pause(road.drawReadMs(colo), closing);
    return { status: mode === "normal" ? 204 : 503 };
  };
}
