/** What a visitor's request came to. */
import type { Cohort } from "../decision/decide.ts";
import type { SeenDecision } from "../decision/headers.ts";
import { CANARY_HEADER, DECISION_HEADER, parseCanaryHeader } from "../decision/headers.ts";

export interface Visit {
  status: number;
  decision: SeenDecision | null;
  /** Native failed, and proxy served. */
  fellBack: boolean;
  /** Undefined for a body that is no JSON. */
  json: unknown;
  body: Uint8Array;
}

export interface VisitBody {
  type: string;
  content: string;
}

export interface Visitor {
  /** `to` is a path or an absolute URL. Throws when there is no answer. */
  go(method: "GET" | "POST" | "PUT", to: string, body?: VisitBody): Promise<Visit>;
  /** In the order in which they were first seen. */
  cohorts(): Cohort[];
}

interface Answer {
  status: number;
  header(name: string): string | null;
  body: Uint8Array;
}

export function visitOf({ status, header, body }: Answer): Visit {
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
