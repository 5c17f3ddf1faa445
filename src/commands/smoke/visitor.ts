/** One visitor of the API: keeps cookies, remembers which cohorts served, follows no redirect. */
import type { Cohort } from "../../domain/decision/decide.ts";
import type { SeenDecision } from "../../domain/decision/headers.ts";
import {
  CANARY_HEADER,
  DECISION_HEADER,
  parseCanaryHeader,
} from "../../domain/decision/headers.ts";
import { OVERRIDE_HEADER } from "../../domain/decision/override.ts";
import type { VisitorAnswer, VisitorHttp, VisitorRequest } from "../../ports/visitors.ts";

export interface Visit {
  status: number;
  decision: SeenDecision | null;
  /** Native failed, and proxy served. */
  fellBack: boolean;
  /** Undefined for a body that is no JSON. */
  json: unknown;
  body: Uint8Array;
}

export interface Visitor {
  /** `to` is a path or an absolute URL. Throws UpstreamError when there is no answer. */
  go(method: VisitorRequest["method"], to: string, body?: Body): Promise<Visit>;
  /** In the order in which they were first seen. */
  cohorts(): Cohort[];
}

interface Body {
  type: string;
  content: string;
}

export interface VisitorOptions {
  http: VisitorHttp;
  /** The API's origin. */
  base: string;
  signal: AbortSignal;
  /** Asks for native by header, where the Worker's override is open. */
  asksForNative: boolean;
}

export function createVisitor({ http, base, signal, asksForNative }: VisitorOptions): Visitor {
  const jar = new Map<string, string>();
  const cohorts = new Set<Cohort>();
  return {
    async go(method, to, body) {
      const url = new URL(to, base);
      // An address elsewhere, e.g. of a storage that takes uploads itself, is a stranger to us.
      const home = url.origin === base;
      const request: VisitorRequest = {
        method,
        url: url.href,
        headers: {
          ...(home && jar.size > 0 ? { cookie: cookieHeader(jar) } : {}),
          ...(home && asksForNative ? { [OVERRIDE_HEADER]: "1" } : {}),
          ...(body === undefined ? {} : { "content-type": body.type }),
        },
        ...(body === undefined ? {} : { body: body.content }),
        ...(home ? { session: true as const } : {}),
      };
      const answer = await http.send(request, { signal });
      if (home) keepCookies(jar, answer.setCookies);
      const visit = visitOf(answer);
      if (home && visit.decision !== null) cohorts.add(visit.decision.cohort);
      return visit;
    },
    cohorts: () => [...cohorts],
  };
}

function visitOf({ status, header, body }: VisitorAnswer): Visit {
  return {
    status,
    decision: parseCanaryHeader(header(CANARY_HEADER)),
    fellBack: header(DECISION_HEADER)?.includes("fell back") ?? false,
    json: parseJson(body),
    body,
  };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

function cookieHeader(jar: ReadonlyMap<string, string>): string {
  return [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
}

/** `Secure` is not looked at: the adapter refuses plain http but on loopback. */
function keepCookies(jar: Map<string, string>, setCookies: readonly string[]): void {
  for (const cookie of setCookies) {
    const [pair = "", ...attributes] = cookie.split(";");
    const equals = pair.indexOf("=");
    if (equals < 1) continue;
    const name = pair.slice(0, equals).trim();
    if (attributes.some((attribute) => /^\s*max-age=0\s*$/i.test(attribute))) jar.delete(name);
    else jar.set(name, pair.slice(equals + 1).trim());
  }
}
