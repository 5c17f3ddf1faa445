/** A stop that goes to the Worker itself: it needs no Cloudflare API, and can do nothing but stop. */
import type { Carrier } from "../domain/state/carriers.ts";

export type SentStop =
  /** `lacking`: those that this Worker has as well, and that did not take it, or not yet. */
  | { kind: "written"; carriers: readonly Carrier[]; lacking: readonly Carrier[] }
  /** Somebody has released this very stop meanwhile: nothing was written. */
  | { kind: "released" };

export interface StopSender {
  /** As the Worker's var OPERATOR_KEYS names the key: the author of what it signs. */
  readonly operator: string;
  /** The public part of the key, in base64. Throws LocalError when the key cannot be used. */
  publicKey(signal: AbortSignal): Promise<string>;
  /**
   * To the Worker at this `/qa` URL; once more by its clock where that refuses ours. Throws LocalError when the
   * key cannot be used, and UpstreamError: `ambiguous` when the Worker may have taken it.
   */
  send(
    stop: { id: string; at: string; reason: string | null },
    qaUrl: string,
    options: { signal: AbortSignal },
  ): Promise<SentStop>;
}
