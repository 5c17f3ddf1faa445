/**
 * GO or NO-GO for the next stage (the seed's B2a.7): everything that more exposure needs, in one table.
 * Changes no state. Exit 0 for GO; 20 for NO-GO, also when too little is known.
 */

import * as z from "zod";
import { anySignal } from "../../domain/lib/abort.ts";
import { parseDuration } from "../../domain/lib/duration.ts";
import {
  answerOf,
  MIN_COVERAGE_PERCENT,
  MIN_REQUESTS,
  obstaclesTo,
} from "../../domain/policy/go-no-go.ts";
import type { WindowPlan } from "../../domain/policy/window.ts";
import { MAX_BUCKETS, planWindow } from "../../domain/policy/window.ts";
import { isEmergency } from "../../domain/state/state.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { count, flag, onlyNative, onOff, parsed, percentInput } from "../flag.ts";
import { durationText, invocation } from "../lib/format.ts";
import { authorOf, unreachable } from "../lib/stored-state.ts";
import type { ValidateData } from "./data.ts";
import { dataOf } from "./data.ts";
import { uploadText } from "./format.ts";
import type { Parts } from "./gather.ts";
import { gather } from "./gather.ts";
import { markdownText } from "./markdown.ts";
import { policyNext } from "./policy.ts";
import type { Examination } from "./reasons.ts";
import { quietNext, reasonsFor } from "./reasons.ts";
import { noGoText, tableText } from "./table.ts";

/** 24 h of the policy's minutes; a rehearsal's are shorter. */
const DEFAULT_BUCKETS = 1_440;
/** As the runbook goes up. */
const STAGES = [5, 10, 25, 50, 100];

const input = z.object({
  window: flag(
    "--window <time>",
    "how far back: 90m, 24h, 2d (24h)",
    parsed(parseDuration, "must be a duration like 90m, 24h or 2d").optional(),
  ),
  minRequests: flag(
    "--min-requests <n>",
    `native requests needed in the window (${MIN_REQUESTS})`,
    count(1, 99_999_999, "requests").default(MIN_REQUESTS),
  ),
  minCoverage: flag(
    "--min-coverage <percent>",
    `minutes with enough data to judge (${MIN_COVERAGE_PERCENT})`,
    percentInput.default(MIN_COVERAGE_PERCENT),
  ),
  smoke: flag("--no-smoke", "skip the smoke checks: no upload", z.boolean().default(true)),
  cohort: flag(
    "--cohort <cohort>",
    "run the smoke checks on native (needs override mode open)",
    onlyNative.optional(),
  ),
  markdown: onOff("--markdown", "print Markdown for the change ticket"),
});
type Input = Given<typeof input>;

export const validate: ReadingVerb<typeof input, ValidateData> = {
  name: "validate",
  summary: "Say GO or NO-GO for the next step, and why",
  details:
    "Combines doctor, verify with the smoke checks, the policy over the whole window, native's sample, the " +
    "achieved share, and whether there was a stop. Changes no state; writes and deletes doctor's probe " +
    "key, and the smoke checks leave one upload behind.",
  examples: [
    "pixcanary validate --env production",
    "pixcanary validate --env production --window 2h --no-smoke",
    "pixcanary validate --env production --markdown > ticket.md",
  ],
  moreHelp:
    "GO only if every required check passes; no data is not good news. --window is wall time, " +
    `at most ${MAX_BUCKETS} of the policy's minutes (7 days); without it, 1440 of them. With --json and ` +
    "--markdown the document holds the ticket as well.",
  timeoutMs: 60_000,
  input,
  run: decide,
  render: (outcome) => {
    const data = "data" in outcome ? outcome.data : undefined;
    return data === undefined ? "" : (data.markdown ?? tableText(data));
  },
  document: (outcome) => ("data" in outcome ? (outcome.data?.markdown ?? null) : null),
};

async function decide(given: Input, ports: Ports): Promise<Outcome<ValidateData>> {
  const plan = windowFor(given, ports);
  if ("kind" in plan) return plan;
  const { smoke, minRequests, minCoverage, timeoutMs } = given;
  const signal = anySignal([ports.clock.timeout(timeoutMs), ports.interrupt]);
  const wanted = { plan, smoke, timeoutMs, wantsNative: given.cohort === "native" };
  const parts = await gather(ports, wanted, signal);
  const seen: Examination = { parts, plan, smoke, limits: { minRequests, minCoverage } };
  const reasons = reasonsFor(seen, ports);
  const whole = parts.after === null && failureOf(parts) === null;
  const data = dataOf(seen, { reasons, answer: whole ? answerOf(reasons) : "NO-GO" }, ports);
  const outcome = withoutAnswer(data, parts, ports) ?? answered(data, parts, plan, ports);
  if (given.markdown) data.markdown = markdownText(data, outcome.next ?? "");
  return outcome;
}

/** What it looks back on, or what is wrong with the flags. */
function windowFor(given: Input, { target, clock }: Ports): WindowPlan | Outcome<never> {
  if (given.cohort !== undefined && !given.smoke) {
    return usage("--cohort is for the smoke checks", "pixcanary validate --help");
  }
  const { policy } = target;
  const lengthS = given.window ?? DEFAULT_BUCKETS * policy.bucketSeconds;
  const plan = planWindow(Math.floor(clock.now() / 1_000), policy, lengthS);
  if (plan !== null) return plan;
  const mostS = MAX_BUCKETS * policy.bucketSeconds;
  return usage(
    `--window is longer than ${durationText(mostS)}, ${MAX_BUCKETS} of the policy's minutes`,
    invocation(
      target,
      `validate --window ${durationText(mostS).replace(" ", "").replace("min", "m")}`,
    ),
  );
}

function usage(message: string, next: string): Outcome<never> {
  return { kind: "failed", code: "usage", message, truth: "nothing was checked", next };
}

function answered(
  data: ValidateData,
  parts: Parts,
  plan: WindowPlan,
  ports: Ports,
): Outcome<ValidateData> {
  if (data.verdict === "GO") {
    return { kind: "done", changed: false, data, next: goNext(data, ports) };
  }
  const next = noGoNext(data, parts, plan, ports);
  return { kind: "unhealthy", data, reason: noGoText(data.reasons), next };
}

/** Null when everything could be looked at, and is as it was. */
function withoutAnswer(
  data: ValidateData,
  parts: Parts,
  ports: Ports,
): Outcome<ValidateData> | null {
  const uploaded = data.smoke === null ? "" : `; smoke upload: ${uploadText(data.smoke)}`;
  const interrupted = interruptedBy(ports.interrupt);
  if (interrupted !== null) {
    const truth = `no state was changed${uploaded}`;
    const next = invocation(ports.target, "validate");
    return { kind: "interrupted", signal: interrupted, truth, next, data };
  }
  const failure = failureOf(parts);
  if (failure !== null) {
    const failed = unreachable(failure, ports);
    const truth = `NO-GO: not everything could be checked; no state was changed${uploaded}`;
    const next = invocation(ports.target, failed.code === "auth" ? "doctor" : "status");
    return { ...failed, truth, next, data };
  }
  if (parts.after === null || !("state" in parts.after)) return null;
  const { state } = parts.after;
  const on = isEmergency(state) ? "an emergency is on, " : "";
  const message = `the state was changed meanwhile: ${on}config by ${authorOf(state)}`;
  const truth = `NO-GO: the checked state is no longer in force${uploaded}`;
  const next = invocation(ports.target, "status");
  return { kind: "failed", code: "conflict", message, truth, next, data };
}

/** What keeps an answer from being one; a refused token before all others. */
function failureOf({ base, after, doctor, metrics, shareFailure }: Parts): UpstreamError | null {
  const token = doctor.token instanceof UpstreamError ? doctor.token : null;
  const measured = [metrics.failure, shareFailure];
  const errors = [token?.kind === "auth" ? token : null, base, after, ...measured].filter(
    (error) => error instanceof UpstreamError,
  );
  return errors.find(({ kind }) => kind === "auth" || kind === "forbidden") ?? errors[0] ?? null;
}

/** The next stage of the runbook, as a ramp of one step. */
function goNext({ share }: ValidateData, { target }: Ports): string {
  const to = STAGES.find((stage) => share !== null && stage > share);
  if (to === undefined) return invocation(target, "status");
  const step = to === 100 ? "100" : `${to}:24h`;
  return `${invocation(target, `ramp start --plan ${step}`)} --reason "…"`;
}

/** Relief first, then what is most urgent. */
function noGoNext(data: ValidateData, parts: Parts, plan: WindowPlan, ports: Ports): string {
  const { target } = ports;
  if ("state" in parts.base && isEmergency(parts.base.state)) return quietNext(parts, target);
  if (parts.policy.now.problems.length > 0) return policyNext(parts, plan, target);
  const [first] = obstaclesTo(data.reasons);
  return first?.next ?? invocation(target, "validate");
}
