/** How adapters reach the Cloudflare API. */
import { type ApiSend, type ApiSendOptions, apiSend } from "./api-send.ts";
import { createRawGet, type RawGet } from "./raw-get.ts";
import type { Redact } from "./redact.ts";
import { createRedactor } from "./redact.ts";
import type { Secret } from "./secrets.ts";

export interface CloudflareClient {
  readonly send: ApiSend;
  /** For bodies too large to hold. */
  readonly rawGet: RawGet;
  /** Hides every secret this process knows. */
  readonly redact: Redact;
}

export interface ClientOptions extends ApiSendOptions {
  /** Further secrets that must not show in messages. */
  secrets?: readonly (Secret | null)[];
  /** In place of one of its own: for secrets that are read or made later. */
  redact?: Redact;
  /** What stands between the calls and our own HTTP, for programs that have the time: the official SDK. */
  through?: ((pinned: ApiSend) => ApiSend) | undefined;
  /** The longest wait for a large body's next piece. */
  idleMs?: number;
}

export function createCloudflareClient(options: ClientOptions): CloudflareClient {
  const redact = options.redact ?? createRedactor([options.token, ...(options.secrets ?? [])]);
  const pinned = apiSend(options);
  const rawGet = createRawGet({ send: pinned, redact, idleMs: options.idleMs });
  return { send: options.through?.(pinned) ?? pinned, rawGet, redact };
}
