/** One sandbox for a file of tests in which carriers of a stop die: the verbs by an operator with a key, and the faults. */
import { afterAll, beforeAll, beforeEach } from "vitest";
import type { Clock } from "../../src/ports/machine.ts";
import type { SandboxControl } from "../../src/sandbox/index.ts";
import { type HereOptions, patientClock, quickClock, runHere } from "../support/here.ts";
import { AMPLE_S, DEAD_CARRIER_PATIENCE } from "../support/patience.ts";
import { ensureBundle } from "../worker/bundle.ts";
import { type Lane, operatorOf, resetLane, startLane, tokenEnv, writeConfig } from "./lane.ts";

export const ALL_ON = [true, true, true];
export const ALL_OFF = [false, false, false];

export interface Said {
  code: number | null;
  said: string;
}

/**
 * `patient`: all that is asked answers. `quick`: what is dead is waited for, and no longer than in production; it ends by
 * what it sees. `brief`: the same, and what it does not see in 8 s is pending.
 */
export type Waits = "patient" | "quick" | "brief";

export interface Carriers {
  readonly lane: Lane;
  readonly control: SandboxControl;
  run(words: readonly string[], waits?: Waits): Promise<Said>;
  /** Until it ends by itself, or is interrupted. */
  start(
    words: readonly string[],
    options: { clock: Clock } & Pick<HereOptions, "onOut" | "interrupt">,
  ): Promise<Said>;
  stop(waits?: Waits): Promise<Said>;
  restore(waits?: Waits, ...more: string[]): Promise<Said>;
}

/** To be called once, at the top of a file. `settings`: of its pixcanary.json. */
export function carriersStage(settings: Record<string, unknown> = {}): Carriers {
  let lane: Lane;
  let config = "";
  beforeAll(async () => {
    await ensureBundle();
    const locations = ["FRA", "AMS", "IAD"];
    lane = await startLane({ locations, patience: DEAD_CARRIER_PATIENCE });
    config = await writeConfig(lane, { operator: await operatorOf(lane.sandbox), ...settings });
  });
  afterAll(() => lane?.close());
  beforeEach(() => resetLane(lane));

  async function start(words: readonly string[], options: HereOptions): Promise<Said> {
    const env = { ...lane.env, ...tokenEnv(lane.sandbox) };
    const all = [...words, "--config", config];
    const { code, stdout, stderr } = await runHere(all, { env, ...options });
    return { code, said: stdout + stderr };
  }
  function run(words: readonly string[], waits: Waits = "patient"): Promise<Said> {
    const limit = waits === "brief" ? "8" : AMPLE_S;
    const clock = waits === "patient" ? patientClock() : quickClock();
    return start([...words, "--timeout", limit], { clock });
  }
  return {
    get lane() {
      return lane;
    },
    get control() {
      return lane.sandbox.control;
    },
    run,
    start,
    stop: (waits) => run(["not-aus", "--reason", "5xx"], waits),
    restore: (waits, ...more) =>
      run(["restore", "--yes", "--to", "10", "--reason", "over", ...more], waits),
  };
}

/** Each ends with `heal`. */
export const BEGIN = {
  KV: async (control: SandboxControl): Promise<void> => {
    control.setKv({ reads: "throw" });
    await control.setFaults([
      { kind: "server-error", status: 503, match: { pathContains: "/storage/kv/" } },
    ]);
  },
  "the API": (control: SandboxControl) => control.setFaults([{ kind: "outage" }]),
  "the beacon": async (control: SandboxControl): Promise<void> => {
    control.setBeacon({ calls: "throw" });
  },
  "KV and the API": async (control: SandboxControl): Promise<void> => {
    control.setKv({ reads: "throw" });
    await control.setFaults([{ kind: "outage" }]);
  },
} as const;
