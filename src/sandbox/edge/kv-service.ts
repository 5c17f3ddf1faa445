/** The Node side of the KV binding: one location's replica for reads, the centre for writes. */
import * as z from "zod";
import type { CentralStore } from "../kv/central-store.ts";
import type { Replicas } from "../kv/replicas.ts";
import { manyWaiters, pause, untilAborted } from "../pause.ts";
import type { NodeService } from "./node-services.ts";

/** One location's view of KV. */
export type KvService = (colo: string) => NodeService;

const getSchema = z.object({ keys: z.array(z.string()) });
const putSchema = z.object({ key: z.string(), value: z.string(), ttlS: z.number().nullable() });
const listSchema = z.object({ prefix: z.string(), cursor: z.string().nullable().default(null) });
const deleteSchema = z.object({ key: z.string() });

/** As many keys as KV lists at once. */
const PAGE = 1_000;

/** `closing` ends reads that hang on purpose. */
export function kvService(
  store: CentralStore,
  replicas: Replicas,
  closing: AbortSignal,
): KvService {
  manyWaiters(closing);
  return (colo) => async (operation, body) => {
    const mode = replicas.mode(colo);
    if (mode === "hang") await untilAborted(closing);
    if (mode === "throw" || mode === "hang") {
      return { status: 503 };
    }
    if (operation === "get") {
      const { keys } = getSchema.parse(body);
      const values = keys.map((key) => replicas.text(colo, key));
      await pause(replicas.drawReadMs(colo), closing);
      return { status: 200, json: { values } };
    }
    if (operation === "list") {
      const { prefix, cursor } = listSchema.parse(body);
      const page = store.list({ prefix, limit: PAGE, ...(cursor === null ? {} : { cursor }) });
      // A location does not list what has not reached it.
      const names = page.keys.map(({ name }) => name);
      const here = names.filter((name) => replicas.text(colo, name) !== null);
      return { status: 200, json: { names: here, cursor: page.cursor } };
    }
    if (operation === "put") {
      const { key, value, ttlS } = putSchema.parse(body);
      store.put(key, value, { expiresAtMs: ttlS === null ? null : Date.now() + ttlS * 1000 });
    } else {
      store.delete(deleteSchema.parse(body).key);
    }
    return { status: 200, json: {} };
  };
}
