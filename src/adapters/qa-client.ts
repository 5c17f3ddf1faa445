/** Looks at `/qa` of each location. Never throws: what went wrong is part of the sighting. */

import { isSafeQaUrl } from "../domain/config/environment.ts";
import { NO_QA_TOKEN, QA_TOKEN_FORM, WRONG_TOKENS } from "../domain/config/qa-token.ts";
import { type AllowedHosts, mayGetToken, NO_HOSTS } from "../domain/config/token-hosts.ts";
import { CANARY_HEADER, parseCanaryHeader } from "../domain/decision/headers.ts";
import { anySignal } from "../domain/lib/abort.ts";
import type { Sighting } from "../domain/proof/expectation.ts";
import { type QaDocument, qaSchema } from "../domain/proof/qa-document.ts";
import type { Clock } from "../ports/machine.ts";
import type { QaLook, QaProbe } from "../ports/visitors.ts";
import { parseJson } from "./cloudflare-call.ts";
import {
  type HttpAnswer,
  pathOf,
  readCapped,
  type Send,
  send as sendByNode,
  textOf,
} from "./http.ts";
import { createRedactor, type Redact, remoteText } from "./redact.ts";
import type { Secret } from "./secrets.ts";
import { networkWords } from "./transport.ts";

/** One look, from name lookup to the last byte. */
export const LOOK_MS = 3_000;
const MAX_BODY_BYTES = 256 * 1024;

export interface QaProbeOptions {
  /** The token goes to these and nowhere else. */
  urls: readonly string[];
  token: Secret | null;
  /** Those of them that may get the token; of the others it is kept. */
  allowed?: AllowedHosts;
  clock: Pick<Clock, "now" | "timeout">;
  /** Of pixcanary, for the user agent. */
  version?: string;
  /** Further secrets that must not show in messages. */
  secrets?: readonly (Secret | null)[];
  lookMs?: number;
  send?: Send;
}

export function createQaProbe(options: QaProbeOptions): QaProbe {
  const redact = createRedactor([options.token, ...(options.secrets ?? [])]);
  return {
    urls: options.urls,
    async look(url, { signal, health, version }) {
      const seen: Sighting = {
        url,
        atMs: options.clock.now(),
        status: null,
        colo: null,
        decision: null,
        qa: null,
        problem: null,
      };
      if (!options.urls.includes(url)) return { ...seen, problem: "not a configured /qa URL" };
      // Relief goes on with a configuration that holds such a thing; the token must not.
      if (!isSafeQaUrl(url)) return { ...seen, problem: "not a valid /qa URL" };
      const lookMs = options.lookMs ?? LOOK_MS;
      const limit = options.clock.timeout(lookMs);
      try {
        const asked = { ...options, overriding: overrideOf(version) };
        const answer = await get(withHealth(url, health), asked, [signal, limit]);
        return { ...seen, atMs: options.clock.now(), ...read(answer, options.token, redact) };
      } catch (error) {
        const problem = signal.aborted
          ? "cancelled"
          : limit.aborted
            ? `no complete answer within ${lookMs / 1000} s`
            : networkWords(error, redact);
        return { ...seen, atMs: options.clock.now(), problem };
      }
    },
  };
}

type Answer = Pick<HttpAnswer, "status" | "header"> & { text: string };

/** Follows no redirect: the token must not travel. */
async function get(
  url: string,
  {
    token,
    version,
    allowed,
    overriding,
    send = sendByNode,
  }: QaProbeOptions & { overriding: Record<string, string> },
  signals: AbortSignal[],
): Promise<Answer> {
  const at = new URL(url);
  const { status, header, body } = await send({
    method: "GET",
    at,
    path: pathOf(at),
    signal: anySignal(signals),
    headers: {
      accept: "application/json",
      "cache-control": "no-cache",
      "user-agent": `pixcanary/${version ?? "0"}`,
      ...overriding,
      ...(token === null || !mayGetToken(url, allowed ?? NO_HOSTS)
        ? {}
        : { authorization: `Bearer ${token.reveal()}` }),
    },
  });
  return { status, header, text: textOf(await readCapped(body, MAX_BODY_BYTES)) };
}

/** A dictionary of structured fields; both are names that need no quoting. */
function overrideOf(version: QaLook["version"]): Record<string, string> {
  if (version === undefined) return {};
  return { "cloudflare-workers-version-overrides": `${version.worker}="${version.id}"` };
}

function withHealth(url: string, health: "cached" | "full" | undefined): string {
  if (health !== "cached") return url;
  const asked = new URL(url);
  asked.searchParams.set("health", "cached");
  return asked.href;
}

type Findings = Pick<Sighting, "status" | "colo" | "decision" | "qa" | "cached" | "problem">;

function read(answer: Answer, token: Secret | null, redact: Redact): Findings {
  const decision = parseCanaryHeader(answer.header(CANARY_HEADER));
  const base = { status: answer.status, decision };
  const refused = refusal(answer, token, redact);
  if (refused !== null) return { ...base, colo: null, qa: null, problem: refused };
  const parsed = parseDocument(answer.text, redact);
  return typeof parsed === "string"
    ? { ...base, colo: null, qa: null, problem: parsed }
    : { ...base, colo: parsed.colo, qa: parsed, ...cachedOf(answer), problem: null };
}

/** The Worker says `no-store`; a rule of the zone, or a cache in front of the Worker, may keep it all the same. */
function cachedOf({ header }: Answer): Pick<Sighting, "cached"> {
  const kept = ["cf-cache-status", "age"].flatMap((name) => {
    const value = header(name) ?? "";
    return /^(HIT|STALE|UPDATING|REVALIDATED|[1-9]\d{0,8})$/.test(value)
      ? [`${name}: ${value}`]
      : [];
  });
  return kept.length === 0 ? {} : { cached: kept.join(", ") };
}

/** Null for an answer that should hold the document. */
function refusal(answer: Answer, token: Secret | null, redact: Redact): string | null {
  const { status } = answer;
  if (status === 200) return null;
  const error = errorOf(answer.text);
  if (status === 401 && error === NO_QA_TOKEN) {
    return `refuses every token: its QA_TOKEN is not ${QA_TOKEN_FORM} (HTTP 401)`;
  }
  if (status === 429 && error === WRONG_TOKENS) {
    return `refuses all tokens from this address${waitOf(answer)}: too many wrong ones (HTTP 429)`;
  }
  if (status === 401) {
    return token === null
      ? "needs PIXCANARY_QA_TOKEN (HTTP 401)"
      : "refused the QA token (HTTP 401)";
  }
  if (status === 403) return "refused the request (HTTP 403)";
  if (status === 429) return "rate limited (HTTP 429)";
  if (status >= 300 && status < 400) {
    const to = remoteText(redact, answer.header("location") ?? "nowhere", 100);
    return `redirects to ${to} (HTTP ${status}, not followed)`;
  }
  return `answered HTTP ${status}`;
}

function errorOf(text: string): unknown {
  const raw = parseJson(text);
  return typeof raw === "object" && raw !== null && "error" in raw ? raw.error : undefined;
}

/** E.g. ` for 40 s`. */
function waitOf({ header }: Answer): string {
  const seconds = header("retry-after") ?? "";
  return /^\d{1,4}$/.test(seconds) ? ` for ${seconds} s` : "";
}

/** The document, or in words why it is none. */
function parseDocument(text: string, redact: Redact): QaDocument | string {
  const raw = parseJson(text);
  if (raw === undefined) {
    const what = text.trimStart().startsWith("<") ? "a web page" : "not JSON";
    return `the answer is ${what}: is this the canary Worker's /qa?`;
  }
  const parsed = qaSchema().safeParse(raw);
  if (parsed.success) return parsed.data;
  const where = remoteText(redact, parsed.error.issues[0]?.path.join(".") ?? "", 60);
  return `not a /qa document of schema 1${where === "" ? "" : ` (${where})`}`;
}
