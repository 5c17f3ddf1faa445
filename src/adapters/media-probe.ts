/** Native's R2 bucket, by the Cloudflare API: whether an object can be written, read and deleted. */
import { randomUUID } from "node:crypto";
import type { MediaProbe } from "../ports/backends.ts";
import { type ApiCall, ApiFailure, callApi } from "./cloudflare-call.ts";
import type { CloudflareClient } from "./cloudflare-client.ts";

const CALL_MS = 5_000;
/** The start of the object's name. */
export const HEALTH_CHECK_OBJECT = "pixcanary-health-check-";

export interface MediaProbeOptions {
  client: CloudflareClient;
  accountId: string;
  bucket: string | null;
}

export function createMediaProbe({ client, accountId, bucket }: MediaProbeOptions): MediaProbe {
  const objects = `/accounts/${accountId}/r2/buckets/${bucket}/objects`;
  return {
    bucket,
    async tryOut({ signal }) {
      const text = randomUUID();
      const path = `${objects}/${HEALTH_CHECK_OBJECT}${text}.txt`;
      const ask = (what: string, method: ApiCall["method"], more: Pick<ApiCall, "body"> = {}) =>
        callApi(client, { what, method, path, timeoutMs: CALL_MS, signal, ...more });
      await ask("write an object", "put", { body: { text, type: "text/plain" } });
      try {
        const found = await ask("read the object", "get").catch(lost);
        if (found.text !== text) {
          throw new ApiFailure("unavailable", "read the object: it is not what was written");
        }
      } finally {
        await ask("delete the object", "delete").catch(lost);
      }
    },
  };
}

/** Once an object was written, its bucket is there. */
function lost(error: unknown): never {
  const isLost = error instanceof ApiFailure && error.kind === "not-found";
  throw isLost ? new ApiFailure("unavailable", error.message) : error;
}
