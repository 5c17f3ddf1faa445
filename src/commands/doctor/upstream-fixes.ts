/** What to do when the API does not answer as it should, by how it fails. */
import type { UpstreamError } from "../../ports/errors.ts";

const LATER = "check the network and www.cloudflarestatus.com, then run doctor again";

export const NEW_TOKEN = "new token: Workers KV Storage: Edit; export CLOUDFLARE_API_TOKEN=…";

export const UPSTREAM_FIXES: Readonly<Record<UpstreamError["kind"], string>> = {
  auth: NEW_TOKEN,
  forbidden: "give the token Workers KV Storage: Edit on this account",
  "not-found": "check accountId and namespaceId in pixcanary.json",
  rejected: "check accountId and namespaceId in pixcanary.json",
  deadline: LATER,
  unavailable: LATER,
  ambiguous: LATER,
};

/** R2 is off until somebody buys it; the API's own words say so. Null: something else is wrong. */
export function noR2Fix({ kind, message }: UpstreamError): string | null {
  return kind === "rejected" && /enable R2/i.test(message)
    ? "switch R2 on in the dashboard: Storage & databases, R2"
    : null;
}
