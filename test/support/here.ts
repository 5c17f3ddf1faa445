/**
 * The program without a process of its own: its words, environment, folder and streams are given, all
 * the rest is as installed. A process costs a quarter of a second of processor time; what is shown of
 * signals, closed streams, memory or start-up needs one (cli.ts).
 */

import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { createClock } from "../../src/adapters/clock.ts";
import { LOOK_MS } from "../../src/adapters/qa-client.ts";
import { KEY_MS, SEND_MS } from "../../src/adapters/signed-stop.ts";
import { createConsole } from "../../src/cli/console.ts";
import type { Shell } from "../../src/cli/shell.ts";
import { startIn } from "../../src/cli/start.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { anySignal } from "../../src/domain/lib/abort.ts";
import type { Clock } from "../../src/ports/machine.ts";
import type { CliOptions, CliResult } from "./cli.ts";
import { PLAIN_ENV } from "./cli.ts";
import { PROGRAM_PATIENCE } from "./patience.ts";

export interface HereOptions extends Pick<CliOptions, "env" | "cwd" | "input"> {
  clock?: Clock;
  /** Its reason is the name of the signal. */
  interrupt?: AbortSignal;
  /** Gets what is written to standard output as soon as it is. */
  onOut?: (chunk: string) => void;
  /** To standard error likewise. */
  onErr?: (chunk: string) => void;
}

export async function runHere(
  argv: readonly string[],
  { env = PLAIN_ENV, cwd = "/", input = "", clock = createClock(), ...more }: HereOptions = {},
): Promise<CliResult> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(input);
  stdout.on("data", (chunk: Buffer) => more.onOut?.(chunk.toString("utf8")));
  stderr.on("data", (chunk: Buffer) => more.onErr?.(chunk.toString("utf8")));
  const heard = Promise.all([text(stdout), text(stderr)]);
  const console = createConsole({ color: false, env }, { stdout, stderr });
  const over = new AbortController();
  const interrupt = anySignal([over.signal, ...(more.interrupt ? [more.interrupt] : [])]);
  const given = { console, stdin, env: { ...env }, cwd, clock, argv, interrupt: () => interrupt };
  const code = await startIn(shellFor(given), VERBS);
  // Ends what a process takes with it when it exits: no request of this run may come later.
  over.abort();
  stdout.end();
  stderr.end();
  const [out, err] = await heard;
  return { code, signal: null, stdout: out, stderr: err };
}

/** Surroundings of nobody; its home is `HOME` of the environment, or a folder that does not exist. */
export function shellFor(given: Partial<Shell>): Shell {
  const silent = { out: () => undefined, err: () => undefined };
  return {
    console: silent,
    stdin: new PassThrough().end(),
    env: {},
    cwd: "/",
    clock: createClock(),
    home: given.env?.HOME ?? "/nonexistent",
    version: "test",
    argv: [],
    interrupt: () => new AbortController().signal,
    ...given,
  };
}

/** Its limits are so many times as long: what is healthy answers within them on any machine. */
export function patientClock(times = PROGRAM_PATIENCE): Clock {
  const clock = createClock();
  return { ...clock, timeout: (ms) => clock.timeout(ms * times) };
}

const OF_A_WORKER: ReadonlySet<number> = new Set([LOOK_MS, KEY_MS, SEND_MS]);

/** Where something is dead it is waited for as in production; a Worker that answers has more time for that. */
export function quickClock(): Clock {
  const [quick, patient] = [createClock(), patientClock()];
  return { ...quick, timeout: (ms) => (OF_A_WORKER.has(ms) ? patient : quick).timeout(ms) };
}
