/**
 * Whether the page's origin may use the API as a browser would: `/qa`, and the real routes of both
 * cohorts with their preflights. Leaves nothing behind: what it asks for does not exist.
 */

import { COHORT_COOKIE } from "../../domain/decision/cookie.ts";
import type { Cohort } from "../../domain/decision/decide.ts";
import {
  CANARY_HEADER,
  DECISION_HEADER,
  parseCanaryHeader,
  sampledPercent,
} from "../../domain/decision/headers.ts";
import { OVERRIDE_HEADER } from "../../domain/decision/override.ts";
import type { Judged } from "../../domain/smoke/upload.ts";
import { fail, inconclusive, pass } from "../../domain/smoke/upload.ts";
import { counted } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { VisitorAnswer } from "../../ports/visitors.ts";

/** Reserved (RFC 2606): nobody can have it, so nobody may be allowed it. */
const FOREIGN_ORIGIN = "https://not-allowed.invalid";
const ALLOW_ORIGIN = "access-control-allow-origin";
const UPLOAD = "/api/pixcapture/upload";
const PREFLIGHTS = [
  ["GET", "/api/jobs"],
  ["POST", `${UPLOAD}/intent`],
  ["PUT", `${UPLOAD}/none`],
  ["POST", `${UPLOAD}/finalize`],
] as const;
/** No route of native's: the legacy origin answers, as it answers every preflight after a stop. */
const ORIGINS_PREFLIGHT = ["PUT", `${UPLOAD}/none/none`] as const;
/** Of an origin that has CORS by the route: what it says of its own ones is not known. */
const NO_ROUTE: readonly number[] = [404, 405];
const EDGE_REFUSES = "check ALLOWED_ORIGINS of the Worker";
const AFTER_STOP = "after a stop, browsers' preflights go to the legacy origin";
const ORIGIN_REFUSES = `${AFTER_STOP}, which refuses them`;
/** The first two are refused by both cohorts: a page must be able to read refusals. */
const ROUTES = ["/api/pixcapture/download/none", "/api/jobs/none", "/api/jobs"] as const;
/** As many as 1 % needs: a smaller share may not be met. */
const MOST_DRAWS = 688;
const DRAWS_AT_ONCE = 10;

/** So many that all but one in a thousand runs meet the rarer cohort: (1 - p)^n = 0.001. */
export function drawsFor(percent: number): number {
  const rarer = Math.min(percent, 100 - percent) / 100;
  return Math.min(MOST_DRAWS, Math.ceil(Math.log(0.001) / Math.log(1 - rarer)));
}

export interface CorsCheck {
  ports: Ports;
  qaUrl: string;
  /** The API's origin. */
  base: string;
  signal: AbortSignal;
}

export async function checkCors(check: CorsCheck): Promise<Judged> {
  const { pagesOrigin } = check.ports.target;
  const open = await foreignProblem(check);
  if (open !== null) return fail(open);
  if (pagesOrigin === null) {
    return inconclusive(
      'foreign origins are refused; set "pagesOrigin" in pixcanary.json to check the page\'s own',
    );
  }
  const problem =
    (await qaProblem(check, pagesOrigin)) ?? (await preflightProblem(check, pagesOrigin));
  if (problem !== null) return fail(problem);
  const afterStop = await originsPreflight(check, pagesOrigin);
  if (afterStop?.verdict === "fail") return afterStop;
  const met = await meetCohorts(check);
  const unseen: Cohort[] = [];
  for (const visitor of met.visitors) {
    const found = await checkRoutes(check, visitor, pagesOrigin);
    if (found.problem !== null) return fail(found.problem);
    if (found.seen === 0) unseen.push(visitor.cohort);
  }
  if (met.visitors.length === 0) return inconclusive("GET /api/jobs shows no decision");
  if (unseen.length > 0) {
    const cohorts = unseen.join(" and ");
    return inconclusive(`the other cohort answered for ${cohorts}: its CORS is unknown`);
  }
  if (met.missing !== null) {
    const detail = `${met.missing} was not sampled in ${counted(met.draws, "request")}: its CORS is unknown`;
    return { ...inconclusive(detail), unmet: met.missing };
  }
  if (afterStop !== null) return afterStop;
  const by = ["/qa", ...met.visitors.map(({ cohort }) => cohort)].join(", ");
  return pass(`${pagesOrigin} is allowed (${by}), ${FOREIGN_ORIGIN} is not`);
}

/** Another origin than the page's may neither read `/qa` nor use the API. */
async function foreignProblem(check: CorsCheck): Promise<string | null> {
  const asked = [
    ["OPTIONS /qa", await askQa(check, "OPTIONS", FOREIGN_ORIGIN)],
    ["GET /qa", await askQa(check, "GET", FOREIGN_ORIGIN)],
    ["OPTIONS /api/jobs", await preflight(check, PREFLIGHTS[0], FOREIGN_ORIGIN)],
    ["GET /api/jobs", await ask(check, "/api/jobs", { origin: FOREIGN_ORIGIN })],
  ] as const;
  const open = asked.find(([, answer]) => answer.header(ALLOW_ORIGIN) !== null);
  return open === undefined ? null : `${open[0]} allows any origin (${FOREIGN_ORIGIN})`;
}

async function qaProblem(check: CorsCheck, origin: string): Promise<string | null> {
  const before = await askQa(check, "OPTIONS", origin);
  if (before.header(ALLOW_ORIGIN) !== origin) {
    return `/qa does not allow ${origin}: check QA_ALLOWED_ORIGINS of the Worker`;
  }
  if (!holds(before.header("access-control-allow-headers"), "authorization")) {
    return "the preflight of /qa does not allow the Authorization header";
  }
  const answer = await askQa(check, "GET", origin);
  if (answer.header(ALLOW_ORIGIN) !== origin) {
    return `GET /qa does not allow ${origin}, although its preflight does`;
  }
  return holds(answer.header("access-control-expose-headers"), CANARY_HEADER.toLowerCase())
    ? null
    : `/qa does not let the page read ${CANARY_HEADER}`;
}

/** A preflight carries no cookie: the edge answers for both cohorts, during an emergency the legacy origin. */
async function preflightProblem(check: CorsCheck, origin: string): Promise<string | null> {
  for (const route of PREFLIGHTS) {
    const answer = await preflight(check, route, origin);
    const refusal = refusalOf(answer, route[0], origin);
    if (refusal === null) continue;
    const decision = parseCanaryHeader(answer.header(CANARY_HEADER));
    const why = decision?.reason === "emergency" ? ORIGIN_REFUSES : EDGE_REFUSES;
    return `the preflight of ${route.join(" ")} ${refusal}: ${why}`;
  }
  return null;
}

/** What the legacy origin will say once all preflights are its own; null: it allows them. */
async function originsPreflight(check: CorsCheck, origin: string): Promise<Judged | null> {
  const answer = await preflight(check, ORIGINS_PREFLIGHT, origin);
  const refusal = refusalOf(answer, ORIGINS_PREFLIGHT[0], origin);
  if (refusal === null) return null;
  const said = `the preflight of ${ORIGINS_PREFLIGHT.join(" ")} ${refusal}`;
  if (!NO_ROUTE.includes(answer.status)) return fail(`${said}: ${ORIGIN_REFUSES}`);
  return inconclusive(`${said}: ${AFTER_STOP}; whether it allows them is unknown`);
}

/** What keeps a browser from the request after this preflight. */
function refusalOf(answer: VisitorAnswer, method: string, origin: string): string | null {
  if (answer.status < 200 || answer.status > 299) return `answered HTTP ${answer.status}`;
  const problem = unreadable(answer, origin);
  if (problem !== null) return problem;
  // GET and POST need no leave (Fetch §4.8); `*` means nothing when cookies are sent.
  const methods = answer.header("access-control-allow-methods");
  if (method === "PUT" && !holds(methods, "put")) return "does not allow PUT";
  const headers = answer.header("access-control-allow-headers");
  return holds(headers, "content-type") ? null : "does not allow Content-Type";
}

interface Met {
  cohort: Cohort;
  /** By which the same cohort serves again. */
  headers: Readonly<Record<string, string>>;
}

/** Visitors of each cohort that serves anybody now; `missing` is one that could not be met. */
async function meetCohorts(
  check: CorsCheck,
): Promise<{ visitors: Met[]; missing: Cohort | null; draws: number }> {
  const met = new Map<Cohort, Met>();
  const draw = async (headers: Met["headers"]): Promise<VisitorAnswer> => {
    const answer = await ask(check, "/api/jobs", headers);
    const seen = parseCanaryHeader(answer.header(CANARY_HEADER));
    const cookie = answer.setCookies.find((text) => text.startsWith(`${COHORT_COOKIE}=`));
    const kept = cookie === undefined ? headers : { cookie: cookie.split(";", 1)[0] ?? "" };
    if (seen !== null && !met.has(seen.cohort)) {
      met.set(seen.cohort, { cohort: seen.cohort, headers: kept });
    }
    return answer;
  };
  const first = await draw({});
  await draw({ [OVERRIDE_HEADER]: "1" });
  const percent = sampledPercent(first.header(DECISION_HEADER));
  const isDrawn = percent !== null && percent > 0 && percent < 100;
  const most = isDrawn ? drawsFor(percent) : 0;
  let draws = 0;
  for (; met.size < 2 && draws < most; draws += DRAWS_AT_ONCE) {
    await Promise.all(Array.from({ length: DRAWS_AT_ONCE }, () => draw({})));
  }
  const cohorts = ["native", "proxy"] as const;
  const visitors = cohorts.flatMap((cohort) => met.get(cohort) ?? []);
  const missing = cohorts.find((cohort) => !met.has(cohort)) ?? null;
  return { visitors, missing: isDrawn ? missing : null, draws };
}

/** `seen`: how many answers were the cohort's own. */
async function checkRoutes(
  check: CorsCheck,
  { cohort, headers }: Met,
  pagesOrigin: string,
): Promise<{ problem: string | null; seen: number }> {
  let seen = 0;
  for (const path of ROUTES) {
    const answer = await ask(check, path, { origin: pagesOrigin, ...headers });
    const decision = parseCanaryHeader(answer.header(CANARY_HEADER));
    const fellBack = answer.header(DECISION_HEADER)?.includes("fell back") === true;
    // Moved on the way, or served by the other one after all: it says nothing about this cohort.
    if (decision?.cohort !== cohort || fellBack) continue;
    seen += 1;
    const problem = unreadable(answer, pagesOrigin);
    const see = cohort === "native" ? EDGE_REFUSES : "check the legacy origin's CORS";
    if (problem !== null) return { problem: `${cohort}: GET ${path} ${problem}: ${see}`, seen };
  }
  return { problem: null, seen };
}

/** Null when a page of this origin may read the answer with its cookies sent. */
function unreadable(answer: VisitorAnswer, origin: string): string | null {
  if (answer.header(ALLOW_ORIGIN) !== origin) return `does not allow ${origin}`;
  if (answer.header("access-control-allow-credentials") !== "true") return "allows no cookies";
  return null;
}

function ask(
  { ports, base, signal }: CorsCheck,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<VisitorAnswer> {
  return ports.visitor.send({ method: "GET", url: base + path, headers }, { signal });
}

function preflight(
  { ports, base, signal }: CorsCheck,
  [method, path]: readonly [string, string],
  origin: string,
): Promise<VisitorAnswer> {
  const headers = {
    origin,
    "access-control-request-method": method,
    "access-control-request-headers": "content-type",
  };
  return ports.visitor.send({ method: "OPTIONS", url: base + path, headers }, { signal });
}

/** With the token, so that the few requests without one stay for those who have none. */
function askQa(
  { ports, qaUrl, signal }: CorsCheck,
  method: "GET" | "OPTIONS",
  origin: string,
): Promise<VisitorAnswer> {
  const asked = method === "GET" ? { origin } : { origin, ...QA_PREFLIGHT };
  const token = method === "GET" ? { qaToken: true as const } : {};
  return ports.visitor.send({ method, url: qaUrl, headers: asked, ...token }, { signal });
}

const QA_PREFLIGHT = {
  "access-control-request-method": "GET",
  "access-control-request-headers": "authorization",
};

function holds(list: string | null, word: string): boolean {
  return (list ?? "")
    .toLowerCase()
    .split(/\s*,\s*/)
    .includes(word);
}
