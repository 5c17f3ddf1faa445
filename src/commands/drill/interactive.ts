/**
 * The engineer is paged, and types: a fault that is not named, the page as the on-call gets it, then command
 * lines until native serves again. What was typed is timed and scored. In the sandbox alone.
 */
import type { Fault } from "../../domain/drill/faults.ts";
import { type Course, scoreOf, type TypedLine, timesOf } from "../../domain/drill/score.ts";
import { TARGETS } from "../../domain/drill/stages.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import { escapeForTerminal } from "../../domain/text/escape.ts";
import type { FaultStage, Keyboard, Page } from "../../ports/fault-stage.ts";
import type { Ports } from "../../ports/ports.ts";
import type { CommonInput, Outcome } from "../command.ts";
import { isLive, proveLive } from "../lib/prove-live.ts";
import { type DrillData, verdictOf } from "./data.ts";
import { notDetected, untilDetected } from "./detect.ts";
import { type Drilling, onStage, rehearsed } from "./run.ts";
import { lookInFull } from "./share.ts";

const PAGE_LIMIT_MS = 60_000;
/** Of the whole drill: whoever has left the desk is not waited for. */
const DESK_LIMIT_MS = 30 * 60_000;
/** A command that has seen its stop live has done so a moment before the drill does. */
const SEEN_LIMIT_MS = 10_000;
const ENDINGS = ["done", "exit", "quit"];

interface Session {
  input: CommonInput;
  ports: Ports;
  stage: FaultStage;
  keyboard: Keyboard;
  targets: Drilling["targets"];
  /** On the wall clock. */
  pagedAtMs: number;
  course: Course & { lines: TypedLine[] };
}

export async function performInteractive(
  input: CommonInput,
  ports: Ports,
  { stage, keyboard }: { stage: FaultStage; keyboard: Keyboard },
  { fault, targets = TARGETS }: { fault: Fault; targets?: Drilling["targets"] },
): Promise<Outcome<DrillData>> {
  const data = await onStage({ input, ports, stage }, async (begun) => {
    const course = { lines: [], writtenMs: null, liveMs: null, healedMs: null, restoredMs: null };
    const session: Session = { input, ports, stage, keyboard, targets, pagedAtMs: 0, course };
    begun.rehearsals.push(await watchEngineer(fault, session));
  });
  return verdictOf(data, ports, "pixcanary drill --interactive");
}

async function watchEngineer(fault: Fault, session: Session) {
  const { ports, stage, keyboard, input, course, targets } = session;
  const { name, what, stop } = fault;
  const of = { fault: `${name}, typed`, what, stop };
  keyboard.say("visitors are on native; something is about to break. You are on call.");
  const brokenMs = ports.clock.monotonic();
  await stage.breakNative(fault.native);
  const detected = await untilDetected(fault, stage, input, ports);
  const page = detected.finding === null ? null : await untilPaged(stage, ports);
  if (page === null) {
    const because = detected.finding === null ? notDetected(detected, fault) : "no page came";
    return rehearsed({ ...of, problem: because }, timesOf(course), session);
  }
  const detect = ports.clock.monotonic() - brokenMs;
  session.pagedAtMs = ports.clock.now();
  keyboard.say(pageText(page));
  await untilRestored(session);
  const times = { ...timesOf(course), detect };
  const score = scoreOf(course, targets[stop].decide ?? 0);
  const known = {
    finding: detected.finding,
    advice: detected.advice,
    page: { text: page.text, ms: null },
    notes: [...(detected.backdated === null ? [] : [detected.backdated]), ...typedNotes(course)],
    problem: problemOf(course),
    score,
  };
  return rehearsed({ ...of, ...known }, times, session);
}

/** The guardian watches: it pages, and leaves the rest to people. */
async function untilPaged(stage: FaultStage, { clock, interrupt }: Ports): Promise<Page | null> {
  const signal = anySignal([clock.timeout(PAGE_LIMIT_MS), interrupt]);
  while (!signal.aborted) {
    await stage.tick();
    const page = stage.page();
    if (page !== null) return page;
    await clock.sleep(1_000, signal).catch(() => undefined);
  }
  return null;
}

function pageText({ text, details }: Page): string {
  return [
    "",
    "! PAGE",
    ...[text, ...details].map((line) => `  ${escapeForTerminal(line)}`),
    "",
    'Type commands as you would on call, for example "status"; "done" ends the drill.',
  ].join("\n");
}

async function untilRestored(session: Session): Promise<void> {
  const { keyboard, course, ports, pagedAtMs } = session;
  const ended = new AbortController();
  const over = anySignal([ports.clock.timeout(DESK_LIMIT_MS), ports.interrupt, ended.signal]);
  const seen = watchStop(session, over);
  while (course.restoredMs === null && !over.aborted) {
    const line = await keyboard.line(over);
    if (line === null || ENDINGS.includes(line.trim())) break;
    if (line.trim() === "") continue;
    const atMs = ports.clock.now() - pagedAtMs;
    const { words, verb, refused } = keyboard.read(line);
    const exitCode = refused ? null : await keyboard.run(words, over);
    const endedMs = ports.clock.now() - pagedAtMs;
    course.lines.push({ words, verb, atMs, endedMs, exitCode });
    if (!over.aborted) await follow(session, seen);
  }
  if (over.aborted && !ports.interrupt.aborted) {
    keyboard.say(`\n! time limit reached: the drill ends after ${DESK_LIMIT_MS / 60_000} min`);
  }
  ended.abort();
  await seen;
}

/** Beside what is typed: when the stop is in KV, and when every `/qa` shows it. Silent. */
async function watchStop(session: Session, over: AbortSignal): Promise<void> {
  const { stage, course, ports, pagedAtMs } = session;
  const { clock, progress } = ports;
  while (stage.stoppedAt() === null && !over.aborted) {
    await clock.sleep(100, over).catch(() => undefined);
  }
  const atMs = stage.stoppedAt();
  if (atMs === null) return;
  course.writtenMs = atMs - pagedAtMs;
  const silent = { ...ports, progress: { ...progress, stage: () => undefined } };
  const options = { signal: over, startedMs: clock.monotonic(), what: "stop" };
  const proof = await proveLive(silent, { emergency: true }, options);
  if (isLive(proof)) course.liveMs = clock.now() - pagedAtMs;
}

/** After each command: native is repaired once the stop is live, and the drill is over once it serves again. */
async function follow(session: Session, seen: Promise<void>): Promise<void> {
  const { stage, keyboard, course, ports, pagedAtMs } = session;
  if (stage.stoppedAt() === null) return;
  if (course.liveMs === null) await Promise.race([seen, aWhile(ports)]);
  if (course.liveMs === null) return;
  if (course.healedMs === null) {
    await stage.heal();
    course.healedMs = ports.clock.now() - pagedAtMs;
    keyboard.say("\n! MESSAGE FROM THE TEAM\n  the cause is found and fixed: go back to normal\n");
    return;
  }
  const looks = await lookInFull(ports);
  const isBack = looks.every(
    ({ qa }) => qa?.canary.emergency_proxy === false && (qa.canary.percent ?? 0) > 0,
  );
  if (isBack) course.restoredMs = course.lines.at(-1)?.endedMs ?? null;
}

function aWhile({ clock, interrupt }: Ports): Promise<void> {
  return clock.sleep(SEEN_LIMIT_MS, interrupt).catch(() => undefined);
}

function problemOf({ writtenMs, liveMs, restoredMs }: Course): string | null {
  if (writtenMs === null) return "no stop was set";
  if (liveMs === null) return "the stop was not seen live everywhere";
  return restoredMs === null ? "native was not restored" : null;
}

function typedNotes({ lines }: Course): string[] {
  return lines.map(({ words, atMs, endedMs, exitCode }) => {
    const end = exitCode === null ? "refused" : `exit ${exitCode}`;
    const took = ((endedMs - atMs) / 1_000).toFixed(1);
    return `typed ${(atMs / 1_000).toFixed(1)} s after the page: ${words.join(" ")} (${end}, ${took} s)`.slice(
      0,
      500,
    );
  });
}
