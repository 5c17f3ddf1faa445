/** Looks at `/qa` of each location. Never throws: what went wrong is part of the sighting. */
import { CANARY_HEADER, parseCanaryHeader } from "../domain/decision-headers.ts";
import { type QaDocument, qaSchema } from "../domain/qa.ts";
import type { Clock, QaProbe, Sighting } from "../ports.ts";
import { parseJson } from "./cloudflare-call.ts";
import { createRedactor, type Redact, remoteText } from "./redact.ts";
import type { Secret } from "./secrets.ts";
import { networkWords } from "./transport.ts";

/** One look, from name lookup to the last byte. */
const LOOK_MS = 3_000;
const CONNECT_MS = 2_500;
const MAX_BODY_BYTES = 256 * 1024;
/** Looks at one place are seconds apart: the connection should live until the next one. */
const KEEP_ALIVE_MS = 15_000;

export interface QaProbeOptions {
  /** Checked by the configuration's schema. The token goes to these and nowhere else. */
  urls: readonly string[];
  token: Secret | null;
  clock: Pick<Clock, "now" | "timeout">;
  /** Of pixcanary, for the user agent. */
  version?: string;
  /** Further secrets that must not show in messages. */
  secrets?: readonly (Secret | null)[];
  lookMs?: number;
}

type Undici = typeof import("./undici.ts");
type Line = { undici: Undici; agent: InstanceType<Undici["Agent"]> };

/** `close` ends the kept connections; without it they would hold the process for seconds. */
export function createQaProbe(options: QaProbeOptions): QaProbe & { close(): Promise<void> } {
  const redact = createRedactor([options.token, ...(options.secrets ?? [])]);
  let line: Promise<Line> | null = null;
  return {
    urls: options.urls,
    async look(url, { signal, health }) {
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
      const lookMs = options.lookMs ?? LOOK_MS;
      const limit = options.clock.timeout(lookMs);
      try {
        line ??= connect();
        const answer = await get(await line, withHealth(url, health), options, [signal, limit]);
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
    async close() {
      const open = line;
      line = null;
      if (open !== null) await (await open).agent.destroy();
    },
  };
}

/** Loaded at the first look, so that a stop is on its way before undici costs any time. */
async function connect(): Promise<Line> {
  const undici = await import("./undici.ts");
  const agent = new undici.Agent({
    connect: { timeout: CONNECT_MS },
    connections: 2,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: LOOK_MS,
    bodyTimeout: LOOK_MS,
    maxResponseSize: MAX_BODY_BYTES,
  });
  return { undici, agent };
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** Follows no redirect: undici's `request` does not, and a token must not travel. */
async function get(
  { undici, agent }: Line,
  url: string,
  { token, version }: QaProbeOptions,
  signals: AbortSignal[],
): Promise<Answer> {
  const response = await undici.request(url, {
    method: "GET",
    dispatcher: agent,
    signal: AbortSignal.any(signals),
    headers: {
      accept: "application/json",
      "accept-encoding": "identity",
      "cache-control": "no-cache",
      "user-agent": `pixcanary/${version ?? "0"}`,
      ...(token === null ? {} : { authorization: `Bearer ${token.reveal()}` }),
    },
  });
  return {
    status: response.statusCode,
    headers: response.headers,
    text: await response.body.text(),
  };
}

function withHealth(url: string, health: "cached" | "full" | undefined): string {
  if (health !== "cached") return url;
  const asked = new URL(url);
  asked.searchParams.set("health", "cached");
  return asked.href;
}

type Findings = Pick<Sighting, "status" | "colo" | "decision" | "qa" | "problem">;

function read(answer: Answer, token: Secret | null, redact: Redact): Findings {
  const decision = parseCanaryHeader(single(answer.headers[CANARY_HEADER.toLowerCase()]));
  const base = { status: answer.status, decision };
  const refused = refusal(answer, token, redact);
  if (refused !== null) return { ...base, colo: null, qa: null, problem: refused };
  const parsed = parseDocument(answer.text, redact);
  return typeof parsed === "string"
    ? { ...base, colo: null, qa: null, problem: parsed }
    : { ...base, colo: parsed.colo, qa: parsed, problem: null };
}

/** Null for an answer that should hold the document. */
function refusal(answer: Answer, token: Secret | null, redact: Redact): string | null {
  const { status } = answer;
  if (status === 200) return null;
  if (status === 401) {
    return token === null
      ? "needs PIXCANARY_QA_TOKEN (HTTP 401)"
      : "refused the QA token (HTTP 401)";
  }
  if (status === 403) return "refused the request (HTTP 403)";
  if (status === 429) return "asked too often (HTTP 429)";
  if (status >= 300 && status < 400) {
    const to = remoteText(redact, single(answer.headers.location) ?? "nowhere", 100);
    return `redirects to ${to} (HTTP ${status}, not followed)`;
  }
  return `answered HTTP ${status}`;
}

/** The document, or in words why it is none. */
function parseDocument(text: string, redact: Redact): QaDocument | string {
  const raw = parseJson(text);
  if (raw === undefined) return "the answer is not JSON: is this the canary Worker's /qa?";
  const parsed = qaSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const where = remoteText(redact, parsed.error.issues[0]?.path.join(".") ?? "", 60);
  return `not a /qa document of schema 1${where === "" ? "" : ` (${where})`}`;
}

function single(value: string | string[] | undefined): string | null {
  return typeof value === "string" ? value : null;
}
