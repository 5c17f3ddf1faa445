/** One visitor of the API: keeps cookies, remembers which cohorts served, follows no redirect. */
import type { Cohort } from "../../domain/decision/decide.ts";
import { OVERRIDE_HEADER } from "../../domain/decision/override.ts";
import type { Visitor } from "../../domain/smoke/visit.ts";
import { visitOf } from "../../domain/smoke/visit.ts";
import type { VisitorHttp, VisitorRequest } from "../../ports/visitors.ts";

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
