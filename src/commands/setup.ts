/**
 * From an account and a token to a first `doctor` that passes: looks, plans, and makes what is missing.
 * What is there stays as it is, so that a run which was cut off is finished by the next one.
 */
import { anySignal } from "../domain/lib/abort.ts";
import type { Part } from "../domain/setup/parts.ts";
import type { Wanted } from "../domain/setup/wanted.ts";
import { tomlLines } from "../domain/setup/wrangler-edit.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { SetupPorts } from "../ports/setup.ts";
import type { Change, Outcome, Planned } from "./command.ts";
import { endedBy } from "./lib/ended-by.ts";
import { LookFailure, look, type SetupFiles, type SetupPlan } from "./setup/look.ts";
import { type Making, make } from "./setup/make.ts";

export const SETUP_BUDGET_MS = 180_000;

type PartState = "exists" | "made" | "left" | "not made";

export interface SetupData {
  account_id: string;
  namespace_id: string | null;
  parts: { what: string; state: PartState; detail: string }[];
}

export interface SetupGiven {
  wanted: Wanted;
  files: SetupFiles;
  timeoutMs: number;
  /** Commands to type next, and what it was started with. */
  next: { deploy: string; doctor: string; again: string; proxyOnly: string };
}

type Result = Outcome<SetupData>;

/** Reads only. */
export async function planSetup(
  given: SetupGiven,
  ports: SetupPorts,
): Promise<Planned<SetupPlan, SetupData>> {
  const signal = anySignal([ports.interrupt, ports.clock.timeout(given.timeoutMs)]);
  let plan: SetupPlan;
  try {
    plan = await look(given.wanted, given.files, ports, signal);
  } catch (error) {
    return { kind: "ended", outcome: notLooked(error, { given, ports, signal }) };
  }
  if (plan.parts.every((part) => part.make === null)) {
    const data = dataOf(plan, plan.found.namespaceId, () => "made");
    return {
      kind: "ended",
      outcome: { kind: "done", changed: false, data, next: nextOf(plan, given) },
    };
  }
  return { kind: "plan", risk: "none", changes: plan.parts.map(changeOf), notes: [], steps: plan };
}

function changeOf({ what, found, make: making, left }: Part): Change {
  const after = making?.after ?? (left === null ? "kept" : `left to you: ${left}`);
  return { what, before: found, after };
}

/** Ends at the first failure: each part may need those before it. */
export async function applySetup(
  plan: SetupPlan,
  given: SetupGiven,
  ports: SetupPorts,
): Promise<Result> {
  const signal = anySignal([ports.interrupt, ports.clock.timeout(given.timeoutMs)]);
  const making: Making = { ...plan, ports, signal, namespaceId: plan.found.namespaceId };
  const made = new Set<Part>();
  const data = (): SetupData =>
    dataOf(plan, making.namespaceId, (part) => (made.has(part) ? "made" : "not made"));
  for (const part of plan.parts) {
    if (part.make === null) continue;
    try {
      await make(part.make.maker, making);
    } catch (error) {
      return failed(error, { part, data: data(), given, ports, signal });
    }
    made.add(part);
    ports.progress.note(`made      ${part.what}: ${part.make.after}`);
  }
  return { kind: "done", changed: true, data: data(), next: nextOf(plan, given) };
}

function nextOf(plan: SetupPlan, { next }: SetupGiven): string {
  return plan.found.secretNames === null ? `${next.deploy} && ${next.doctor}` : next.doctor;
}

function dataOf(
  { wanted, parts }: SetupPlan,
  namespaceId: string | null,
  stateOf: (part: Part) => PartState,
): SetupData {
  return {
    account_id: wanted.accountId,
    namespace_id: namespaceId,
    parts: parts.map((part) => {
      const { what, found, make: making, left } = part;
      if (making !== null) return { what, state: stateOf(part), detail: making.after };
      return left === null
        ? { what, state: "exists", detail: found }
        : { what, state: "left", detail: `${found}: ${left}` };
    }),
  };
}

interface Run {
  given: SetupGiven;
  ports: SetupPorts;
  /** Of Ctrl-C and the time limit. */
  signal: AbortSignal;
}

function endingOf({ given, ports, signal }: Run) {
  return { interrupt: ports.interrupt, limit: signal, next: given.next.again };
}

function notLooked(error: unknown, run: Run): Result {
  const ending = { ...endingOf(run), truth: "nothing was made" };
  if (!(error instanceof LookFailure)) return endedBy(error, ending);
  const { missing, first } = error;
  if (missing.length === 0) return endedBy(first, ending);
  const message = `the token lacks ${missing.join(", ")}`;
  return { kind: "failed", code: "auth", message, truth: ending.truth, next: ending.next };
}

function failed(error: unknown, run: Run & { part: Part; data: SetupData }): Result {
  const { part, data } = run;
  const done = data.parts.filter(({ state }) => state === "made").map(({ what }) => what);
  const so = done.length === 0 ? "nothing was made" : `made so far: ${done.join(", ")}`;
  const unsure = error instanceof UpstreamError && error.kind === "ambiguous";
  const truth = unsure ? `${so}; ${part.what} may be made` : so;
  const lacks =
    error instanceof UpstreamError && error.kind === "forbidden" ? part.permission : null;
  return endedBy(error, { ...endingOf(run), truth, data, lacks });
}

const OPERATOR_HINT =
  "  For a stop that needs no API, each operator runs: pixcanary operator-key --name NAME";

const MARKS = { exists: "✔", made: "✔", left: "!", "not made": "✖" } as const;

/** `given` for the lines that are to be pasted where there is no file. */
export function renderSetup(outcome: Result, { wanted, files, next }: SetupGiven): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { parts, namespace_id: id } = outcome.data;
  const width = Math.max(...parts.map(({ what }) => what.length));
  const rows = parts.map(
    ({ what, state, detail }) =>
      `  ${MARKS[state]} ${what.padEnd(width)}  ${state.padEnd(8)}  ${detail}`,
  );
  const byHand = files.wranglerPath === null && id !== null ? tomlLines(wanted, id) : [];
  const lines = byHand.length > 0 ? ["", ...byHand.map((one) => `    ${one}`)] : [];
  const hints =
    outcome.kind === "done"
      ? [
          OPERATOR_HINT,
          "  For not-aus --via version, upload the proxy-only version:",
          `    ${next.proxyOnly}`,
        ]
      : [];
  return [...rows, ...lines, ...hints].join("\n");
}
