/**
 * Would the stop work right now? Checks everything it needs, each with its fix. Writes one probe key
 * that expires by itself; changes nothing else. Exit 0, 20 when something is wrong, 23 for the token.
 */

import * as z from "zod";
import { openRungs } from "../../domain/ladder/rung.ts";
import { type TakenRung, takenRungs } from "../../domain/ladder/shown.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import { parseRamp } from "../../domain/ramp/document.ts";
import type { SideTexts } from "../../domain/state/odd-keys.ts";
import { parseState } from "../../domain/state/state.ts";
import { counted } from "../../domain/text/format.ts";
import type { TokenFacts } from "../../ports/api.ts";
import type { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "../command.ts";
import { onOff } from "../flag.ts";
import { type Check, failed, passed, skipped } from "../lib/check.ts";
import { invocation } from "../lib/format.ts";
import { lookEverywhere } from "../lib/look-everywhere.ts";
import { READ_LIMIT_MS } from "../lib/stored-state.ts";
import {
  type Asked,
  askAccount,
  attempt,
  blockade,
  isError,
  namespaceChecks,
  refusedBy,
} from "./account.ts";
import { backendChecks } from "./backends.ts";
import { beaconChecks } from "./beacon.ts";
import { guardianChecks, oddChecks, rampChecks, readSide } from "./guardian.ts";
import { ladderChecks } from "./ladder.ts";
import { elsewhere, locationChecks, type Seen } from "./locations.ts";
import { hostCheck, queueCheck, secretChecks, skewCheck } from "./machine.ts";
import { sightChecks } from "./metrics-and-logs.ts";
import { noticeChecks } from "./notifications.ts";
import { operatorCheck, operatorMark } from "./operator.ts";
import { stateChecks } from "./state.ts";
import { tokenChecks } from "./token.ts";

/** For all looks together, if --timeout says nothing else: who waits longer for an answer has no stop in time. */
const LOOK_LIMIT_MS = 4_000;
const LOOKS = 4;
/** Of the journal, for a rung that is taken: as many as `status` looks through. */
const ENTRIES = 20;

export interface DoctorData {
  checks: Check[];
}

const input = z.object({
  notify: onOff("--notify", "send a test notification through each channel; check the contacts"),
  deep: onOff("--deep", "look at native's database (DATABASE_URL) and its R2 bucket, too"),
});

interface Wanted extends Pick<Given<typeof input>, "notify" | "deep" | "timeoutMs"> {
  /** The journal, where its reader needs it for more than this. */
  journaled?: ReturnType<Ports["journal"]["recent"]>;
}

export const doctor: ReadingVerb<typeof input, DoctorData> = {
  name: "doctor",
  summary: "Check everything that a stop needs",
  details:
    "Checks the token, account, namespace (writes and deletes one probe key), state keys, the Worker's cron, every /qa, " +
    "the clock and what is left to deliver. Run it before you need it: before each rollout, and in the quarterly drill. " +
    "Metrics, logs and channels that cannot be used are warnings: a stop needs none of them. With --notify it also sends a test " +
    "notification through every channel, which pages the PagerDuty on-call, and checks the contacts. With " +
    "--deep it counts the database's connections, shows its longest queries, and writes, reads and deletes an object in R2.",
  examples: [
    "pixcanary doctor --env production",
    "pixcanary doctor --env production --notify",
    "pixcanary doctor --env production --deep",
  ],
  anyHost: true,
  timeoutMs: LOOK_LIMIT_MS,
  input,
  run: (given, ports) => diagnose(ports, given),
  render,
};

/** What was looked at, and what it comes to. */
export interface Examined {
  checks: Check[];
  token: TokenFacts | UpstreamError;
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
  { notify, deep, timeoutMs, journaled }: Wanted = {
    notify: false,
    deep: false,
    timeoutMs: LOOK_LIMIT_MS,
  },
): Promise<Examined> {
  const signal = anySignal([ports.clock.timeout(timeoutMs), given]);
  const deepMs = Math.max(READ_LIMIT_MS * 2, timeoutMs);
  const deepSignal = anySignal([ports.clock.timeout(deepMs), given]);
  // What is not going to be used is not waited for: some of it would be asked again and again.
  const rest = new AbortController();
  const restSignal = anySignal([signal, rest.signal]);
  const asking = askAccount(ports, signal).then((asked) => {
    if (blockade(asked, [], ports, ports.clock.now()) !== null) rest.abort();
    return asked;
  });
  const [asked, side, sightings, journal, notices, sight, owed, operator, backends] =
    await Promise.all([
      asking,
      attempt(readSide(ports, restSignal)),
      lookWell(ports, signal),
      journaled ?? ports.journal.recent(ENTRIES, { signal: restSignal }),
      noticeChecks(ports, { test: notify }),
      sightChecks(ports, restSignal),
      ports.debts.waiting(),
      operatorMark(ports, signal),
      deep ? backendChecks(ports, deepSignal) : [],
    ]);
  const beacon = await beaconChecks(sightings, ports, restSignal);
  const rungs = takenRungs(openRungs(journal.entries), sightings);
  const nowMs = ports.clock.now();
  const blocked = blockade(asked, sightings, ports, nowMs);
  const checks: Check[] = [
    passed("Node", `v${ports.nodeVersion}`),
    hostCheck(ports.tokenHosts),
    ...secretChecks(ports),
    ...(blocked === null
      ? accountChecks({ asked, side, sightings, rungs, nowMs }, ports)
      : blockedChecks(blocked, { sightings, rungs, nowMs }, ports)),
    ...beacon,
    ...(blocked === null ? sight : sight.map(({ name }) => skipped(name, blocked.name))),
    ...notices,
    operatorCheck(operator, sightings, ports.target),
    queueCheck(owed, ports),
    skewCheck(ports, blocked),
    ...backends,
  ];
  return { checks, token: asked.token, sightings };
}

/** The first reads of a new isolate may be too slow for it: only so many looks say that it cannot read KV or beacon. */
async function lookWell(ports: Ports, signal: AbortSignal): Promise<Sighting[]> {
  const first = await lookEverywhere(ports, "full", signal);
  return Promise.all(first.map((sighting) => lookAgain(sighting, ports, signal)));
}

async function lookAgain(first: Sighting, { qa }: Ports, signal: AbortSignal): Promise<Sighting> {
  let shown = first;
  for (let looks = 1; looks < LOOKS && shown.qa !== null; looks += 1) {
    if (shown.qa.proxy_only === true) break;
    if (shown.qa.canary.source === "kv" && shown.qa.beacon?.age_ms !== null) break;
    const next = await qa.look(shown.url, { signal, health: "full" });
    if (next.qa === null) break;
    shown = next;
  }
  return shown;
}

interface Found {
  asked: Asked;
  side: SideTexts | UpstreamError;
  sightings: readonly Sighting[];
  /** Rungs of the ladder that are taken, as far as journal and locations say. */
  rungs: readonly TakenRung[];
  nowMs: number;
}

const NOTHING: SideTexts = { guardian: null, arm: null, ramp: null, control: null };

/** Of the token, the namespace and what is in it, and every `/qa`. */
function accountChecks({ asked, side, sightings, rungs, nowMs }: Found, ports: Ports): Check[] {
  const { token, raw } = asked;
  const texts = isError(side) ? NOTHING : side;
  const state = isError(raw) ? null : parseState(raw);
  const ramp = parseRamp(texts.ramp);
  const { ramps: plans } = ports.target;
  const [name, write] = namespaceChecks(asked, ports);
  const namespace = otherNamespace(name, { sightings, rungs, state, nowMs }, ports);
  const known = namespace?.result === "pass" ? state : null;
  return [
    ...tokenChecks(token, { nowMs, ramp, plans }),
    ...[namespace, write].filter((check) => check !== undefined),
    ...(namespace?.result !== "pass"
      ? ["config", "stop"].map((key) => skipped(key, "namespace"))
      : isError(raw)
        ? [refusedBy("state", raw)]
        : [
            ...stateChecks(raw, ports, nowMs),
            ...oddChecks(raw, texts, nowMs, ports),
            ...rampChecks(texts, nowMs, ports),
            ...(isError(side)
              ? [refusedBy("ramp", side)]
              : guardianChecks(texts, sightings, nowMs)),
          ]),
    ...locationChecks({ sightings, rungs, state: known, nowMs }, ports),
  ];
}

/** A namespace that no Worker reads looks healthy by itself. */
function otherNamespace(own: Check | undefined, seen: Seen, { target }: Ports): Check | undefined {
  const odd = own?.result === "pass" ? elsewhere(seen) : null;
  if (own === undefined || odd === null) return own;
  const detail = `${own.detail}, but every /qa shows ${odd}: does ${target.worker} read another one?`;
  const fix = "compare namespaceId with the id of KV_CANARY_CONFIG in wrangler.jsonc";
  return failed(own.name, detail, fix);
}

/** What nobody could ask points to the cause; every `/qa` was asked all the same. */
function blockedChecks(
  blocked: Check,
  { sightings, rungs, nowMs }: Pick<Found, "sightings" | "rungs" | "nowMs">,
  ports: Ports,
): Check[] {
  const others = ["token", "namespace", "KV write", "config", "stop"];
  const locations = locationChecks({ sightings, rungs, state: null, nowMs }, ports);
  return [
    blocked,
    ...others.filter((name) => name !== blocked.name).map((name) => skipped(name, blocked.name)),
    ...(blocked.name === "network"
      ? locations.map(({ name }) => skipped(name, blocked.name))
      : locations),
  ];
}

/** Where one of these fails, nothing of the account can be asked. */
const CAUSES = ["token", "account", "network", "API"];

async function diagnose(ports: Ports, given: Wanted): Promise<Outcome<DoctorData>> {
  const signal = anySignal([ports.clock.timeout(given.timeoutMs), ports.interrupt]);
  const journaled = ports.journal.recent(ENTRIES, { signal });
  const open = journaled.then(({ entries }) => openRungs(entries));
  const [{ checks: own, token }, ladder] = await Promise.all([
    examine(ports, ports.interrupt, { ...given, journaled }),
    ladderChecks(ports, open, signal),
  ]);
  const cause = own.find(({ name, result }) => result === "fail" && CAUSES.includes(name))?.name;
  const checks = [
    ...own,
    ...(cause === undefined ? ladder : ladder.map(({ name }) => skipped(name, cause))),
  ];
  const data = { checks };
  const wrong = checks.filter((check) => check.result === "fail");
  if (wrong.length === 0) return { kind: "done", changed: false, data };
  const next = wrong[0]?.fix ?? invocation(ports.target, "doctor");
  const refused = wrong.find(({ name }) => name === "token" || name === "account");
  if (refused !== undefined) {
    const truth = "with this token, not-aus cannot write a stop";
    const message = isError(token) ? token.message : refused.detail;
    return { kind: "failed", code: "auth", message, truth, next, data };
  }
  const looked = checks.filter(({ result }) => result !== "skip");
  const reason = `${wrong.length} of ${counted(looked.length, "check")} failed`;
  return { kind: "unhealthy", data, reason, next };
}

function render(outcome: Outcome<DoctorData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const symbols = { pass: "✔", warn: "!", fail: "✖", skip: "–" } as const;
  return outcome.data.checks
    .flatMap((check) => [
      `  ${symbols[check.result]} ${check.name.padEnd(12)} ${check.detail}`,
      ...(check.fix === null ? [] : [`      fix: ${check.fix}`]),
    ])
    .join("\n");
}
