/** HTTP as a visitor's browser does it, for checking the environment's API from outside. */

import { isSafeQaUrl } from "../domain/config/environment.ts";
import { type AllowedHosts, mayGetToken, NO_HOSTS } from "../domain/config/token-hosts.ts";
import { anySignal } from "../domain/lib/abort.ts";
import type { CallOptions } from "../ports/api.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { Clock } from "../ports/machine.ts";
import type { VisitorAnswer, VisitorHttp, VisitorRequest } from "../ports/visitors.ts";
import { pathOf, readCapped, type Send, send as sendByNode } from "./http.ts";
import { createRedactor } from "./redact.ts";
import type { Secret } from "./secrets.ts";
import { networkWords } from "./transport.ts";

/** One request, from name lookup to the last byte. */
const REQUEST_MS = 10_000;
const MAX_BODY_BYTES = 1024 * 1024;

export interface VisitorHttpOptions {
  /** The token goes to these and nowhere else. */
  qaUrls: readonly string[];
  token: Secret | null;
  /** Those of them that may get the token; of the others it is kept. */
  allowed?: AllowedHosts;
  /** A cookie, `name=value`; it goes to the origins of the /qa URLs that may get the token. */
  session?: Secret | null;
  clock: Pick<Clock, "monotonic" | "timeout">;
  /** Of pixcanary, for the user agent. */
  version?: string;
  /** Further secrets that must not show in messages. */
  secrets?: readonly (Secret | null)[];
  requestMs?: number;
  send?: Send;
}

export function createVisitorHttp(options: VisitorHttpOptions): VisitorHttp {
  const { token, session = null, clock } = options;
  const redact = createRedactor([token, session, ...(options.secrets ?? [])]);
  return {
    hasQaToken: token !== null,
    hasSession: session !== null,
    async send(request, { signal }) {
      const requestMs = options.requestMs ?? REQUEST_MS;
      const limit = clock.timeout(requestMs);
      const startedMs = clock.monotonic();
      try {
        const answer = await exchange(request, options, anySignal([signal, limit]));
        return { ...answer, elapsedMs: clock.monotonic() - startedMs };
      } catch (error) {
        if (error instanceof UpstreamError) throw error;
        const why = signal.aborted
          ? "cancelled"
          : limit.aborted
            ? `no complete answer within ${requestMs / 1000} s`
            : networkWords(error, redact);
        throw new UpstreamError(signal.aborted ? "deadline" : "unavailable", why, { cause: error });
      }
    },
  };
}

/** Follows no redirect: neither token nor cookie must travel. */
async function exchange(
  request: VisitorRequest,
  options: VisitorHttpOptions,
  signal: CallOptions["signal"],
): Promise<Omit<VisitorAnswer, "elapsedMs">> {
  // Encrypted, or on this very machine: the same rule as for the addresses that are configured.
  if (!isSafeQaUrl(request.url)) {
    throw new UpstreamError("rejected", "not an https:// address (http:// only on loopback)");
  }
  const at = new URL(request.url);
  const { status, header, setCookies, body } = await (options.send ?? sendByNode)({
    method: request.method,
    at,
    path: pathOf(at),
    signal,
    alone: true,
    headers: {
      "cache-control": "no-cache",
      "user-agent": `pixcanary/${options.version ?? "0"}`,
      ...request.headers,
      ...authorization(request, options),
      ...cookie(request, options),
    },
    ...(request.body === undefined ? {} : { body: request.body }),
  });
  return { status, header, setCookies, body: await readCapped(body, MAX_BODY_BYTES) };
}

function authorization(
  { url, qaToken }: VisitorRequest,
  { qaUrls, token, allowed }: VisitorHttpOptions,
): Record<string, string> {
  if (qaToken !== true || token === null) return {};
  if (!qaUrls.includes(url)) {
    throw new UpstreamError("rejected", "the /qa token is sent only to the configured /qa URLs");
  }
  if (!mayGetToken(url, allowed ?? NO_HOSTS)) return {};
  return { authorization: `Bearer ${token.reveal()}` };
}

function cookie(
  { url, session, headers }: VisitorRequest,
  { qaUrls, allowed, session: secret = null }: VisitorHttpOptions,
): Record<string, string> {
  if (session !== true || secret === null) return {};
  if (!qaUrls.some((qaUrl) => new URL(qaUrl).origin === new URL(url).origin)) {
    throw new UpstreamError("rejected", "the session is sent only to the API of the /qa URLs");
  }
  if (!mayGetToken(url, allowed ?? NO_HOSTS)) return {};
  const others = headers?.cookie;
  return { cookie: [secret.reveal(), ...(others === undefined ? [] : [others])].join("; ") };
}
