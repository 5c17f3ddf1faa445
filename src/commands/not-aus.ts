/**
 * Everybody back to proxy, now. Writes `stop` and mirrors `config` at once, blind: no read, lock or
 * prompt comes before. Done means: the stop is written and every `/qa` of the environment shows the
 * emergency; anything less is said to be pending.
 */
import * as z from "zod";
import type { Sighting } from "../domain/expectation.ts";
import { compare } from "../domain/expectation.ts";
import type { StopDocument } from "../domain/state.ts";
import { parseState } from "../domain/state.ts";
import { stopNow } from "../domain/transition.ts";
import type { CallOptions, Ports } from "../ports.ts";
import { UpstreamError } from "../ports.ts";
import type { CommandDef, CommonInput, NoFlags, Outcome } from "./command.ts";
import { interruptedBy } from "./command.ts";
import { leaveTrace } from "./shared/leave-trace.ts";
import { manualLines } from "./shared/manual-lines.ts";
import type { LiveProof } from "./shared/prove-live.ts";
import { isLive, NOT_ASKED, proveLive } from "./shared/prove-live.ts";
import type { WriteResult } from "./shared/settle.ts";
import { mayHaveWritten, settle, wrote } from "./shared/settle.ts";
import type { StopRun } from "./shared/stop-verdict.ts";
import { stopVerdict } from "./shared/stop-verdict.ts";
import { liveLine, missingLines, OTHERS_FOLLOW, seconds, timeWithAge } from "./shared/words.ts";

const EMERGENCY = { emergency: true } as const;

export interface NotAusData {
  stop: { id: string; at: string };
  written: { stop_ms: number | null; config_ms: number | null };
  stored: { stop_ms: number | null };
  live: LiveProof["live"];
  missing: LiveProof["missing"];
  /** The stop that was already in force everywhere, if one was. */
  already: { id: string | null; at: string | null; by: string | null } | null;
  proxy_sick: string | null;
  manual: string[];
  at_ms: number;
}

export const notAus: CommandDef<NoFlags, null, NotAusData> = {
  name: "not-aus",
  summary: "Stop: bring everybody back to proxy, at once",
  details:
    "Every visitor is served by the legacy origin, sticky cookies and test headers included, until " +
    "`restore`. Never asks. Uploads that began on native and are not finished will have to begin again.",
  examples: [
    "pixcanary not-aus --env production",
    'pixcanary not-aus --env production --reason "5xx spike" --incident INC-42',
  ],
  options: [],
  mutates: true,
  timeoutMs: 10_000,
  input: z.object({}),
  async plan() {
    return {
      kind: "plan",
      risk: "relief",
      changes: [
        { what: "stop", before: "not read", after: "active" },
        { what: "config", before: "not read", after: "0 %, emergency on" },
      ],
      notes: [],
      steps: null,
    };
  },
  apply: (_steps, input, ports) => pullTheStop(input, ports),
  render,
};

export async function pullTheStop(input: CommonInput, ports: Ports): Promise<Outcome<NotAusData>> {
  const startedMs = ports.clock.monotonic();
  const within = (ms: number) => AbortSignal.any([ports.clock.timeout(ms), ports.interrupt]);
  const signal = within(input.timeoutMs);
  const writeSignal = within(input.timeoutMs * WRITE_SHARE);
  const run = await writeAndProve(input, ports, { signal, writeSignal, startedMs });
  const outcome = stopVerdict(run, dataOf(run, ports), ports);
  await leaveTrace(ports, input, {
    command: "not-aus",
    id: run.stop.id ?? "",
    before: beforeOf(run),
    after: { percent: 0, emergency: true, revision: run.stop.id ?? null },
    outcome: traceOutcome(run, outcome),
    locations: run.proof.live.map((l) => l.location),
    elapsedMs: ports.clock.monotonic() - startedMs,
  });
  return outcome;
}

/** The writes end a little before the budget, so that a last look can still tell what is true. */
const WRITE_SHARE = 0.85;
/** Once the stop is live, its mirror in `config` is worth this much more waiting. */
const MIRROR_GRACE_MS = 2_000;

interface Timing {
  signal: AbortSignal;
  writeSignal: AbortSignal;
  startedMs: number;
}

async function writeAndProve(input: CommonInput, ports: Ports, timing: Timing): Promise<StopRun> {
  const { clock, rng, store, target, identity } = ports;
  const nowMs = clock.now();
  const author = { actor: identity.actor, reason: input.reason, nowMs, id: rng.ulid(nowMs) };
  const documents = stopNow(target.canaryTag, author);
  const elapsed = () => clock.monotonic() - timing.startedMs;
  const call: CallOptions = { signal: timing.writeSignal, onRetry: complainOnce(ports) };
  const mirror = { ...call, atWill: true };

  const stopWrite = settle(store.writeStop(documents.stop, call), elapsed);
  const configWrite = settle(store.writeConfig(documents.config, mirror), elapsed);
  const before = input.verify ? lookOnce(ports, timing.signal) : Promise.resolve([]);
  void stopWrite.then((result) => announce(ports, "stop", result));
  void configWrite.then((result) => announce(ports, "config", result));

  // Whichever arrives first already is an emergency: no reason to wait for the other before looking.
  const sent = await anyMayHaveArrived([stopWrite, configWrite]);
  const [stop, stored, proof] = await Promise.all([
    stopWrite,
    keepStored(ports, documents.stop, { ...call, startedMs: timing.startedMs, stopWrite }),
    input.verify ? look(ports, sent, timing) : Promise.resolve(NOT_ASKED),
  ]);
  const config = await withinGrace(configWrite, ports);
  return {
    stop: documents.stop,
    writes: { stop, config },
    stored,
    proof,
    before: await before,
    verify: input.verify,
    interrupted: interruptedBy(ports.interrupt),
  };
}

function announce(ports: Ports, what: "stop" | "config", result: WriteResult): void {
  if (result.kind === "written") {
    ports.progress.stage({ kind: "written", what, elapsedMs: result.elapsedMs });
  }
}

/** Waits until one write has arrived; false when all have failed for certain. */
async function anyMayHaveArrived(writes: readonly Promise<WriteResult>[]): Promise<boolean> {
  const arrived = writes.map(async (write) => {
    if (!wrote(await write)) throw new Error("not this one");
  });
  try {
    await Promise.any(arrived);
    return true;
  } catch {
    return (await Promise.all(writes)).some(mayHaveWritten);
  }
}

/** Waits for the proof when there is something to prove; else looks once, to say what is true. */
async function look(ports: Ports, sent: boolean, timing: Timing): Promise<LiveProof> {
  if (sent) return proveLive(ports, EMERGENCY, { ...timing, what: "stop" });
  return { live: [], missing: [], sightings: await lookOnce(ports, timing.signal) };
}

function withinGrace(write: Promise<WriteResult>, ports: Ports): Promise<WriteResult> {
  const message = "config has not been acknowledged yet";
  const late: WriteResult = { kind: "failed", error: new UpstreamError("ambiguous", message) };
  const grace = AbortSignal.any([ports.clock.timeout(MIRROR_GRACE_MS), ports.interrupt]);
  const over = new Promise<WriteResult>((resolve) => {
    if (grace.aborted) resolve(late);
    grace.addEventListener("abort", () => resolve(late), { once: true });
  });
  return Promise.race([write, over]);
}

/** What each `/qa` showed before the stop could reach it: what to go back to, and since when. */
function lookOnce(ports: Ports, signal: AbortSignal): Promise<Sighting[]> {
  return Promise.all(ports.qa.urls.map((url) => ports.qa.look(url, { signal, health: "cached" })));
}

/**
 * Reads the stop back. When another writer's older release has covered it, writes it again: the last
 * writer towards safety wins. A release that names this very stop was somebody's decision after
 * ours, and is left alone.
 */
async function keepStored(
  ports: Ports,
  stop: StopDocument,
  call: CallOptions & { startedMs: number; stopWrite: Promise<{ kind: string }> },
): Promise<StopRun["stored"]> {
  await call.stopWrite;
  for (let round = 0; round < 20; round += 1) {
    let stored: ReturnType<typeof parseState>["stop"];
    try {
      stored = parseState(await ports.store.read(call)).stop;
    } catch {
      return { kind: "unknown" };
    }
    if (stored.kind === "valid" && stored.value.active) {
      const elapsedMs = ports.clock.monotonic() - call.startedMs;
      ports.progress.stage({ kind: "stored", what: "stop", elapsedMs });
      return { kind: "stored", elapsedMs, own: stored.value.id === stop.id };
    }
    if (stored.kind === "valid" && stored.value.releases?.id === stop.id) {
      return { kind: "released", by: stored.value.by ?? "unknown" };
    }
    const again = await settle(ports.store.writeStop(stop, call), () => 0);
    if (!wrote(again)) return { kind: "unknown" };
  }
  return { kind: "unknown" };
}

function complainOnce(ports: Ports): (problem: string) => void {
  let told = false;
  return (problem) => {
    if (told) return;
    told = true;
    ports.progress.warn(`${problem}; trying again until the deadline`);
  };
}

function beforeOf(run: StopRun) {
  const qa = run.before.find((s) => s.qa !== null && s.qa.stop.id !== run.stop.id)?.qa;
  if (qa === undefined || qa === null) return null;
  const { percent, emergency_proxy: emergency, revision } = qa.canary;
  return { percent, emergency, revision };
}

function traceOutcome(run: StopRun, outcome: Outcome<NotAusData>) {
  if (outcome.kind === "interrupted") return "interrupted" as const;
  if (run.verify && isLive(run.proof)) return "live" as const;
  if (run.stored.kind === "stored") return "stored" as const;
  return wrote(run.writes.stop) ? ("written" as const) : ("unknown" as const);
}

function dataOf(run: StopRun, ports: Ports): NotAusData {
  const ms = (result: StopRun["writes"]["stop"]) =>
    result.kind === "written" ? Math.round(result.elapsedMs) : null;
  const already =
    run.before.length > 0 &&
    run.before.every((s) => compare(EMERGENCY, s).seen && s.qa?.stop.id !== run.stop.id)
      ? (run.before[0]?.qa?.stop ?? null)
      : null;
  const sick = run.proof.sightings.find((s) => s.qa?.health.proxy.status === "failing");
  return {
    stop: { id: run.stop.id ?? "", at: run.stop.at ?? "" },
    written: { stop_ms: ms(run.writes.stop), config_ms: ms(run.writes.config) },
    stored: { stop_ms: run.stored.kind === "stored" ? Math.round(run.stored.elapsedMs) : null },
    live: run.proof.live,
    missing: run.proof.missing,
    already: already === null ? null : { id: already.id, at: already.at, by: already.by },
    proxy_sick: sick === undefined ? null : (sick.qa?.health.proxy.problem ?? "failing"),
    manual: manualLines(ports.target),
    at_ms: ports.clock.now(),
  };
}

function render(outcome: Outcome<NotAusData>): string {
  if (!("data" in outcome) || outcome.data === undefined) return "";
  const { data } = outcome;
  const stage = (ms: number | null) => (ms === null ? "–" : seconds(ms));
  const lines = [
    `  stop      ${data.stop.id}`,
    `  written   stop ${stage(data.written.stop_ms)} · config ${stage(data.written.config_ms)}`,
    `  stored    ${stage(data.stored.stop_ms)}`,
    `  live      ${liveLine(data)}`,
    ...missingLines(data),
  ];
  if (data.already !== null) {
    lines.push(`  before    already stopped since ${timeWithAge(data.already.at, data.at_ms)}`);
  }
  if (data.proxy_sick !== null)
    lines.push(`! proxy, the refuge, is failing itself: ${data.proxy_sick}`);
  if (outcome.kind === "done") lines.push(`  ${OTHERS_FOLLOW}`);
  if (outcome.kind === "failed" || outcome.kind === "pending") {
    lines.push("By hand:", ...data.manual.map((line) => `  ${line}`));
  }
  return lines.join("\n");
}
