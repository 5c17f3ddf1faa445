/**
 * Would the stop work right now? Checks everything it needs, each with its fix. Writes one probe key
 * that expires by itself; changes nothing else. Exit 0, 20 when something is wrong, 23 for the token.
 */

import * as z from "zod";
import { QA_TOKEN_FORM } from "../../domain/config/qa-token.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { placeOf } from "../../domain/policy/prerequisites.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { counted, isoSeconds } from "../../domain/text/format.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Outcome, ReadingVerb } from "../command.ts";
import { onOff } from "../flag.ts";
import type { Check } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { READ_LIMIT_MS } from "../lib/stored-state.ts";
import { asUpstream } from "../lib/write-result.ts";
import { backendChecks } from "./backends.ts";
import { sightChecks } from "./metrics-and-logs.ts";
import { noticeChecks } from "./notifications.ts";
import { stateChecks } from "./state.ts";

/** A token that ends within a ramp's day is as good as expired. */
const EXPIRY_WARNING_MS = 7 * 86_400_000;
const SKEW_FAILURE_MS = 30_000;

export interface DoctorData {
  checks: Check[];
}

const input = z.object({
  notify: onOff("--notify", "send a test notification through each channel; check the contacts"),
  deep: onOff("--deep", "look at native's database (DATABASE_URL) and its R2 bucket, too"),
});

type Input = z.output<typeof input>;

export const doctor: ReadingVerb<typeof input, DoctorData> = {
  name: "doctor",
  summary: "Check everything that a stop needs",
  details:
    "Checks the token, account, namespace (writes and deletes one probe key), state keys, every /qa, clock and Node " +
    "version. Run it before you need it: before each rollout, and in the quarterly drill. Metrics and " +
    "logs that cannot be read are warnings: a stop needs neither. With --notify it also sends a test " +
    "notification through every channel, which pages the PagerDuty on-call, and checks the contacts. With " +
    "--deep it counts the database's connections, shows its longest queries, and writes, reads and deletes an object in R2.",
  examples: [
    "pixcanary doctor --env production",
    "pixcanary doctor --env production --notify",
    "pixcanary doctor --env production --deep",
  ],
  anyHost: true,
  timeoutMs: 30_000,
  input,
  run: (given, ports) => diagnose(ports, given),
  render,
};

/** What was looked at, and what it comes to. */
export interface Examined {
  checks: Check[];
  token: Token | UpstreamError;
  /** One full look per `/qa`. */
  sightings: Sighting[];
}

/**
 * Never throws. Writes, reads and deletes the probe key; with `notify`, sends a test notice; with `deep`, looks at
 * what native stands on.
 */
export async function examine(
  ports: Ports,
  given: AbortSignal,
  { notify, deep }: Input = { notify: false, deep: false },
): Promise<Examined> {
  const signal = anySignal([ports.clock.timeout(READ_LIMIT_MS * 2), given]);
  const attempt = async <T>(work: Promise<T>): Promise<T | UpstreamError> => work.catch(asUpstream);
  const [token, namespace, writable, raw, sightings, notices, sight, backends] = await Promise.all([
    attempt(ports.account.token({ signal })),
    attempt(ports.account.namespace({ signal })),
    attempt(ports.account.writable({ signal }).then(() => "yes" as const)),
    attempt(ports.store.read({ signal })),
    lookEverywhere(ports, "full", signal),
    noticeChecks(ports, { test: notify }),
    sightChecks(ports, signal),
    deep ? backendChecks(ports, signal) : [],
  ]);
  const nowMs = ports.clock.now();
  const checks: Check[] = [
    nodeCheck(ports.nodeVersion),
    ...networkChecks([token, namespace, raw], sightings),
    hostCheck(ports.tokenHosts),
    tokenCheck(token, nowMs, ports),
    ...secretChecks(ports),
    reachable("namespace", namespace, (found) => `${found.title} (${ports.target.namespaceId})`),
    reachable("KV write", writable, () => "probe key written, read and deleted"),
    ...(isError(raw) ? [reachable("state", raw, () => "")] : stateChecks(raw, ports)),
    ...sightings.map(qaCheck),
    ...sight,
    ...notices,
    skewCheck(ports),
    ...backends,
  ];
  return { checks, token, sightings };
}

async function diagnose(ports: Ports, given: Input): Promise<Outcome<DoctorData>> {
  const { checks, token } = await examine(ports, ports.interrupt, given);
  const data = { checks };
  const failed = checks.filter((check) => check.result === "fail");
  if (failed.length === 0) return { kind: "done", changed: false, data };
  const next = failed[0]?.fix ?? invocation(ports.target, "doctor");
  if (isError(token) && token.kind === "auth") {
    const truth = "with this token, not-aus cannot write a stop";
    return { kind: "failed", code: "auth", message: token.message, truth, next, data };
  }
  const reason = `${failed.length} of ${counted(checks.length, "check")} failed`;
  return { kind: "unhealthy", data, reason, next };
}

function isError(value: unknown): value is UpstreamError {
  return value instanceof Error;
}

function nodeCheck(version: string): Check {
  return { name: "Node", result: "pass", detail: `v${version}`, fix: null };
}

/** One cause for all that could not be reached: whoever has no network needs no new token. */
function networkChecks(api: readonly unknown[], sightings: readonly Sighting[]): Check[] {
  const unreached = api.every((answer) => isError(answer) && answer.kind === "unavailable");
  if (!unreached || sightings.some(({ status }) => status !== null)) return [];
  const detail = "no network: neither the API nor any /qa could be reached";
  const fix = "check this machine's network, then run doctor again";
  return [{ name: "network", result: "fail", detail, fix }];
}

/** Who would get what: a configuration may have come from anywhere. */
function hostCheck({ list, problem, allow }: Ports["tokenHosts"]): Check {
  const named = list.map(
    ({ token, host, allowed }) => `${token} → ${host}${allowed ? "" : " (not sent)"}`,
  );
  const detail = [...named, ...(problem === null ? [] : [problem])].join(" · ");
  const refused = list.some(({ allowed }) => !allowed);
  if (refused) return { name: "token hosts", result: "fail", detail, fix: allow };
  return problem === null
    ? { name: "token hosts", result: "pass", detail, fix: null }
    : {
        name: "token hosts",
        result: "warn",
        detail,
        fix: "make it yours, and unwritable for others: chown, chmod go-w",
      };
}

type Token = Awaited<ReturnType<Ports["account"]["token"]>>;

/** The API token has a line of its own. */
function secretChecks({ missingSecrets }: Ports): Check[] {
  return missingSecrets
    .filter(({ what }) => what !== "API token")
    .map(({ what, why, fix }) => ({ name: what, result: "fail", detail: why, fix }));
}

function tokenCheck(token: Token | UpstreamError, nowMs: number, ports: Ports): Check {
  const fix = "create a token with Workers KV Storage: Edit, then: export CLOUDFLARE_API_TOKEN=…";
  if (isError(token)) {
    const unusable = ports.missingSecrets.find(({ what }) => what === "API token");
    const repair = unusable?.fix ?? (token.kind === "auth" ? fix : UPSTREAM_FIXES[token.kind]);
    return { name: "token", result: "fail", detail: token.message, fix: repair };
  }
  if (token.status !== "active") {
    return { name: "token", result: "fail", detail: `the token is ${token.status}`, fix };
  }
  if (token.expiresOn === null)
    return { name: "token", result: "pass", detail: "active", fix: null };
  const leftMs = Date.parse(token.expiresOn) - nowMs;
  const detail = `active, expires ${isoSeconds(token.expiresOn)}`;
  if (leftMs <= 0) return { name: "token", result: "fail", detail, fix };
  return leftMs < EXPIRY_WARNING_MS
    ? { name: "token", result: "warn", detail, fix: "create a new token before this one expires" }
    : { name: "token", result: "pass", detail, fix: null };
}

const LATER = "check the network and www.cloudflarestatus.com, then run doctor again";
const UPSTREAM_FIXES: Readonly<Record<UpstreamError["kind"], string>> = {
  auth: "check CLOUDFLARE_API_TOKEN",
  forbidden: "give the token Workers KV Storage: Edit on this account",
  "not-found": "check accountId and namespaceId in pixcanary.json",
  rejected: "check accountId and namespaceId in pixcanary.json",
  deadline: LATER,
  unavailable: LATER,
  ambiguous: LATER,
};

function reachable<T>(
  name: string,
  value: T | UpstreamError,
  describe: (value: T) => string,
): Check {
  if (!isError(value)) return { name, result: "pass", detail: describe(value), fix: null };
  return { name, result: "fail", detail: value.message, fix: UPSTREAM_FIXES[value.kind] };
}

function qaCheck(sighting: Sighting): Check {
  const name = `/qa ${placeOf(sighting)}`;
  if (sighting.qa === null) {
    return {
      name,
      result: "fail",
      detail: sighting.problem ?? "no document",
      fix: qaFix(sighting),
    };
  }
  const { health, canary, cookie_key_ids: keys } = sighting.qa;
  const sick = [
    ...(health.native.status === "failing"
      ? [`native failing: ${health.native.problem ?? "unknown"}`]
      : []),
    ...(health.proxy.status === "failing"
      ? [`legacy origin (proxy) failing: ${health.proxy.problem ?? "unknown"}`]
      : []),
    ...(canary.source === "kv" ? [] : [`state from ${canary.source}, not from KV`]),
    ...(keys.length === 0
      ? ["no cookie keys: all new visitors go to proxy (set the secret COOKIE_KEYS)"]
      : []),
  ];
  return sick.length === 0
    ? { name, result: "pass", detail: `answers, state from KV, keys ${keys.join(", ")}`, fix: null }
    : { name, result: "warn", detail: sick.join("; "), fix: "see the runbook, section 5" };
}

function qaFix({ status, problem }: Sighting): string {
  if (problem?.includes(QA_TOKEN_FORM) === true) {
    return "T=$(openssl rand -hex 32); printf %s $T | npx wrangler secret put QA_TOKEN --env <env>; export PIXCANARY_QA_TOKEN=$T";
  }
  if (status === 401) return "export PIXCANARY_QA_TOKEN=… (the Worker's secret QA_TOKEN)";
  if (status === 429)
    return "wait a minute, then check that PIXCANARY_QA_TOKEN is the Worker's QA_TOKEN";
  return "check qaUrls in pixcanary.json; is the Worker deployed there?";
}

function skewCheck({ apiClock }: Pick<Ports, "apiClock">): Check {
  const name = "clock";
  const aheadMs = apiClock.aheadMs();
  if (aheadMs === null) {
    return { name, result: "warn", detail: "the API's time is unknown", fix: "run doctor again" };
  }
  if (aheadMs === 0) return { name, result: "pass", detail: "in sync with the API", fix: null };
  const awayMs = Math.abs(aheadMs);
  return {
    name,
    result: awayMs > SKEW_FAILURE_MS ? "fail" : "warn",
    detail: `${Math.round(awayMs / 1_000)} s off the API's clock`,
    fix: "synchronise this machine's clock (timedatectl set-ntp true)",
  };
}

function render(outcome: Outcome<DoctorData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const symbols = { pass: "✔", warn: "!", fail: "✖" } as const;
  return outcome.data.checks
    .flatMap((check) => [
      `  ${symbols[check.result]} ${check.name.padEnd(12)} ${check.detail}`,
      ...(check.fix === null ? [] : [`      fix: ${check.fix}`]),
    ])
    .join("\n");
}
