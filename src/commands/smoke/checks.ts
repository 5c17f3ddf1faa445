/**
 * The six checks of the QA page, each really performed from outside: API URL, CORS, credentials,
 * signed URLs, downloads, Worker canary config. They leave one tiny upload behind.
 */

import { COHORT_COOKIE, COOKIE_MAX_AGE_S } from "../../domain/decision/cookie.ts";
import type { Cohort } from "../../domain/decision/decide.ts";
import {
  CANARY_HEADER,
  DECISION_HEADER,
  parseCanaryHeader,
} from "../../domain/decision/headers.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { Verdict } from "../../domain/policy/verdict.ts";
import { expectationOf } from "../../domain/proof/expectation.ts";
import type { Flow, Judged, SmokeName } from "../../domain/smoke/upload.ts";
import {
  checkUpload,
  fail,
  inconclusive,
  noData,
  pass,
  SMOKE_CHECKS,
  SMOKE_FILE,
} from "../../domain/smoke/upload.ts";
import type { Ports } from "../../ports/ports.ts";
import type { VisitorAnswer } from "../../ports/visitors.ts";
import { isLive, proveLive } from "../lib/prove-live.ts";
import { readBase } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";
import { checkCors } from "./cors.ts";
import { createVisitor } from "./visitor.ts";

interface SmokeCheck {
  name: SmokeName;
  verdict: Verdict;
  detail: string;
  elapsed_ms: number;
  /** Of CORS: nothing is wrong, but nobody was drawn to this cohort. */
  unmet?: Cohort;
}

export interface SmokeReport {
  at: string;
  /** Where the API was found; null when the /qa URL does not tell. */
  base: string | null;
  /** Who served the upload; more than one when the visitor was moved on the way. */
  cohorts: Cohort[];
  file: string;
  /** In the order of the page. */
  checks: SmokeCheck[];
}

/** A state that was written a moment ago may take so long to show; a longer wait is plain `verify`. */
const CONFIG_LIMIT_MS = 8_000;

export interface SmokeOptions {
  signal: AbortSignal;
  wantsNative: boolean;
}

/** Never throws: what goes wrong is a verdict. */
export async function runSmoke(ports: Ports, options: SmokeOptions): Promise<SmokeReport> {
  const startedAt = new Date(ports.clock.now()).toISOString();
  const qaUrl = ports.qa.urls[0];
  const base = qaUrl === undefined ? null : apiBaseOf(qaUrl);
  if (qaUrl === undefined || base === null) {
    const why = noData("cannot derive the API's address: the /qa URLs must end in /qa");
    const checks = SMOKE_CHECKS.map((name) => ({ name, ...why, elapsed_ms: 0 }));
    return { at: startedAt, base: null, cohorts: [], file: SMOKE_FILE, checks };
  }
  const { signal, wantsNative } = options;
  const visitor = createVisitor({
    http: ports.visitor,
    base,
    signal,
    asksForNative: wantsNative,
  });
  const content = `pixcanary smoke test, ${startedAt}, ${ports.rng.ulid(ports.clock.now())}\n`;
  const flow: Flow = {
    visitor,
    sleep: (ms) => ports.clock.sleep(ms, signal),
    random: () => ports.rng.next(),
    notLoggedIn: ports.visitor.hasSession
      ? "session expired; log in as the test user and renew PIXCANARY_SESSION"
      : "not logged in; put the test user's cookie into PIXCANARY_SESSION",
    content,
    wantsNative,
  };
  const qa: QaChecks = { ports, qaUrl, signal };
  const [cors, [credentials, config], flowChecks] = await Promise.all([
    timed(ports, signal, "CORS", () => checkCors({ ...qa, base })),
    checkWithToken(qa),
    checkUpload(flow, (name, work) => timed(ports, signal, name, work)),
  ]);
  const [api, signed, downloads] = flowChecks;
  const checks = [api, cors, credentials, signed, downloads, config];
  return { at: startedAt, base, cohorts: visitor.cohorts(), file: SMOKE_FILE, checks };
}

/** Null for an address that the Worker does not answer as `/qa`. */
function apiBaseOf(qaUrl: string): string | null {
  const url = URL.parse(qaUrl);
  return url !== null && /^(\/api)?\/qa$/.test(url.pathname) ? url.origin : null;
}

interface QaChecks {
  ports: Ports;
  qaUrl: string;
  signal: AbortSignal;
}

/** The document can be had only by who holds the token: a wrong one must not look like a wrong state. */
async function checkWithToken(qa: QaChecks): Promise<[SmokeCheck, SmokeCheck]> {
  const { ports, signal } = qa;
  let admitted = false;
  const credentials = await timed(ports, signal, "credentials", async () => {
    const checked = await checkCredentials(qa);
    admitted = checked.admitted;
    return checked.judged;
  });
  const name = "Worker canary config";
  if (admitted) return [credentials, await timed(ports, signal, name, () => checkConfig(qa))];
  const why = ports.visitor.hasQaToken
    ? "skipped: /qa refused the token"
    : "skipped: needs PIXCANARY_QA_TOKEN";
  return [credentials, { name, ...noData(why), elapsed_ms: 0 }];
}

interface Credentials {
  judged: Judged;
  /** The token opens `/qa`. */
  admitted: boolean;
}

/** `/qa` is closed without the token and open with it; the cookie cannot be read or forged. */
async function checkCredentials({ ports, qaUrl, signal }: QaChecks): Promise<Credentials> {
  const { visitor } = ports;
  const closed = await visitor.send({ method: "GET", url: qaUrl }, { signal });
  const open = visitor.hasQaToken
    ? await visitor.send({ method: "GET", url: qaUrl, qaToken: true }, { signal })
    : null;
  const admitted = open?.status === 200 && parseCanaryHeader(open.header(CANARY_HEADER)) !== null;
  return { judged: judgeCredentials(closed, open), admitted };
}

function judgeCredentials(closed: VisitorAnswer, open: VisitorAnswer | null): Judged {
  if (closed.status === 429) return inconclusive("rate limited by /qa (HTTP 429); wait a minute");
  if (closed.status !== 401)
    return fail(`/qa without a token answered HTTP ${closed.status}, not 401`);
  const decision = parseCanaryHeader(closed.header(CANARY_HEADER));
  if (decision === null || closed.header(DECISION_HEADER) === null) {
    return fail("the refusal of /qa does not show the decision");
  }
  const cookie = judgeCookie(closed, decision.reason);
  if (cookie.verdict === "fail") return cookie;
  if (open === null) return inconclusive(`refused without a token (401); ${NO_TOKEN}`);
  if (open.status === 429) return inconclusive("rate limited by /qa (HTTP 429); wait a minute");
  if (open.status !== 200) return fail(`/qa refused our token: HTTP ${open.status}`);
  return { ...cookie, detail: `401 without a token, 200 with it; ${cookie.detail}` };
}

const NO_TOKEN = "the other checks need PIXCANARY_QA_TOKEN";

/** A visitor who is drawn gets a cookie that no script can read and other sites may send. */
function judgeCookie({ setCookies }: VisitorAnswer, reason: string): Judged {
  const cookie = setCookies.find((text) => text.startsWith(`${COHORT_COOKIE}=`));
  if (cookie === undefined) {
    if (reason === "sampled") return fail(`a new visitor got no ${COHORT_COOKIE} cookie`);
    if (reason === "emergency") return pass("no cookie during an emergency, as expected");
    return inconclusive(`the visitor was not sampled (${reason}): no cookie to check`);
  }
  const has = cookie.toLowerCase().split(/\s*;\s*/);
  const missing = COOKIE_ATTRIBUTES.filter((name) => !has.includes(name.toLowerCase()));
  if (missing.length > 0) return fail(`the cookie lacks ${missing.join(", ")}`);
  return pass("cookie HttpOnly, Secure, SameSite=None");
}

const COOKIE_ATTRIBUTES = [
  "HttpOnly",
  "Secure",
  "SameSite=None",
  "Path=/",
  `Max-Age=${COOKIE_MAX_AGE_S}`,
];

/** Every `/qa` shows what is stored, within a few seconds. */
async function checkConfig({ ports, signal }: QaChecks): Promise<Judged> {
  const startedMs = ports.clock.monotonic();
  const limit = anySignal([signal, ports.clock.timeout(CONFIG_LIMIT_MS)]);
  const base = await readBase(ports, limit);
  if (!("state" in base)) return inconclusive(`the stored state cannot be read: ${base.message}`);
  if (base.state.config.kind !== "valid") return fail("the stored config is not valid");
  const proof = await proveLive(ports, expectationOf(base.state), {
    signal: limit,
    startedMs,
    what: "state",
  });
  if (isLive(proof)) return pass(`${proof.live.length} of ${proof.live.length} /qa show it`);
  if (signal.aborted) return inconclusive("time limit reached");
  return fail(proof.missing.map((m) => `${m.location}: ${m.because}`).join("; "));
}

/** Without an answer there is a failure, unless it is ours: no time left, or interrupted. */
async function timed(
  ports: Ports,
  signal: AbortSignal,
  name: SmokeName,
  work: () => Promise<Judged>,
): Promise<SmokeCheck> {
  const startedMs = ports.clock.monotonic();
  const judged = await work().catch((thrown: unknown): Judged => {
    if (signal.aborted) return inconclusive("time limit reached");
    return fail(`no answer: ${asUpstream(thrown).message}`);
  });
  return { name, ...judged, elapsed_ms: Math.round(ports.clock.monotonic() - startedMs) };
}
