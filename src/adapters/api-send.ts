/** Requests to the Cloudflare API: to one host below one path, with the token and no other header than ours. */
import type { AnswerClock } from "./api-clock.ts";
import { type HttpAnswer, type Send, send as sendByNode } from "./http.ts";
import type { Secret } from "./secrets.ts";

export interface ApiRequest {
  method: string;
  /** Below the API's base, encoded, with a slash in front. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  signal: AbortSignal;
}

/** Resolves with the answer's head. Throws what Node throws. */
export type ApiSend = (request: ApiRequest) => Promise<HttpAnswer>;

export interface ApiSendOptions {
  /** Checked by the configuration's schema; the token goes to this origin and path only. */
  apiBaseUrl: string;
  token: Secret;
  /** Of pixcanary, for the user agent. */
  version: string;
  /** Told when the API has answered, and by which time. */
  apiClock?: AnswerClock;
  send?: Send;
}

export function apiSend({
  apiBaseUrl,
  token,
  version,
  apiClock,
  send = sendByNode,
}: ApiSendOptions): ApiSend {
  const at = new URL(apiBaseUrl);
  const base = at.pathname.replace(/\/+$/, "");
  return async ({ path, headers, ...request }) => {
    const sentMs = apiClock?.uptime() ?? 0;
    const answer = await send({
      ...request,
      at,
      path: base + path,
      headers: {
        accept: "application/json",
        ...headers,
        "user-agent": `pixcanary/${version}`,
        authorization: `Bearer ${token.reveal()}`,
      },
    });
    apiClock?.heard(answer.header("date"), sentMs);
    return answer;
  };
}
