/** Native's R2 bucket, by the Cloudflare API: whether it is there, and whether an object can be written. */
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { once } from "../domain/lib/lazy.ts";
import type { MediaProbe } from "../ports/backends.ts";
import { ApiFailure, callApi, resultOf } from "./cloudflare-call.ts";
import type { CloudflareClient } from "./cloudflare-client.ts";

const CALL_MS = 5_000;
/** The start of the object's name. */
export const HEALTH_CHECK_OBJECT = "pixcanary-health-check-";

export interface MediaProbeOptions {
  client: CloudflareClient;
  accountId: string;
  bucket: string | null;
}

const bucketsSchema = once(() =>
  z.object({ buckets: z.array(z.object({ name: z.string().max(200) })) }),
);

export function createMediaProbe({ client, accountId, bucket }: MediaProbeOptions): MediaProbe {
  const buckets = `/accounts/${accountId}/r2/buckets`;
  const call = { timeoutMs: CALL_MS };
  return {
    bucket,
    async list({ signal }) {
      const listing = { ...call, what: "list the buckets", method: "get", path: buckets } as const;
      const answer = await callApi(client, { ...listing, signal });
      const parsed = bucketsSchema().safeParse(resultOf(client, { ...listing, signal }, answer));
      if (!parsed.success) throw new ApiFailure("unavailable", "list the buckets: no list came");
      return parsed.data.buckets.map(({ name }) => name);
    },
    async tryOut({ signal }) {
      const text = randomUUID();
      const path = `${buckets}/${bucket}/objects/${HEALTH_CHECK_OBJECT}${text}.txt`;
      const body = { text, type: "text/plain" } as const;
      const object = { ...call, path, signal };
      await callApi(client, { ...object, what: "write an object", method: "put", body });
      try {
        const found = await callApi(client, { ...object, what: "read the object", method: "get" });
        if (found.text !== text) {
          throw new ApiFailure("unavailable", "read the object: it is not what was written");
        }
      } finally {
        await callApi(client, { ...object, what: "delete the object", method: "delete" });
      }
    },
  };
}
