/** `ramp status --wait`: how a ramp ended is how the command ends. */
import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../../src/cli/exit.ts";
import { reportText } from "../../../src/cli/report.ts";
import { rampStatus } from "../../../src/commands/ramp/status.ts";
import type { RampDocument } from "../../../src/domain/ramp/document.ts";
import { UpstreamError } from "../../../src/ports/errors.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { rampOf } from "../../domain/ramp/world.ts";
import { GIVEN } from "../../support/ports-of.ts";
import { NOW_MS, PORTS, VirtualClock } from "../watch/world.ts";

const RUNNING = rampOf("5:2h,100");
const WAIT_MS = 60_000;

const over = (state: RampDocument["state"]): RampDocument => ({
  ...RUNNING,
  state,
  ended: { at: new Date(NOW_MS).toISOString(), by: "anna", why: "5xx" },
});
const pausedBy = (by: string): RampDocument => ({
  ...RUNNING,
  state: "paused",
  paused: { at: new Date(NOW_MS).toISOString(), by, why: "too few requests", left_s: null },
});

/** KV answers with each in turn, and then with the last one. */
async function waited(
  answers: readonly (RampDocument | Error | null)[],
  more: Partial<Ports> = {},
) {
  const clock = new VirtualClock();
  let reads = 0;
  const get = async () => {
    const answer = answers[Math.min(reads, answers.length - 1)] ?? null;
    reads += 1;
    if (answer instanceof Error) throw answer;
    return answer === null ? null : JSON.stringify(answer);
  };
  const ports: Ports = { ...PORTS, clock, documents: { ...PORTS.documents, get }, ...more };
  const given = { ...GIVEN, wait: WAIT_MS, timeoutMs: WAIT_MS };
  const outcome = await clock.play(rampStatus.run(given, ports));
  return { outcome, code: exitCodeOf(outcome), reads, waitedMs: clock.now() - NOW_MS };
}

describe("ramp status --wait", () => {
  it.each([
    ["done", over("done"), 0],
    ["failed", over("failed"), 20],
    ["paused by its gate", pausedBy("the gate"), 20],
    ["aborted", over("aborted"), 25],
    ["ended by another change", over("conflict"), 25],
  ])("waits until it is %s", async (_name, end, expected) => {
    const { code, reads } = await waited([RUNNING, pausedBy("anna"), new Error("reset"), end]);
    expect({ code, reads }).toEqual({ code: expected, reads: 4 });
  });

  it("ends at once where there is no ramp, and not where that is not known", async () => {
    const none = await waited([null]);
    expect(none).toMatchObject({ code: 0, reads: 1 });
    expect(reportText(rampStatus, none.outcome).out).toContain("no ramp in");
    const unknown = await waited([new UpstreamError("unavailable", "HTTP 503")]);
    expect(unknown).toMatchObject({ code: 124, waitedMs: WAIT_MS });
    expect(unknown.outcome).toMatchObject({
      truth: "whether there is a ramp is unknown: HTTP 503",
    });
  });

  it("says after its time where the ramp is, and after Ctrl-C as well", async () => {
    const late = await waited([RUNNING]);
    expect(late).toMatchObject({ code: 124, waitedMs: WAIT_MS });
    expect(late.outcome).toMatchObject({ truth: "it is running at 1 %, before its first step" });
    const interrupt = AbortSignal.abort("SIGINT");
    const stopped = await waited([RUNNING], { interrupt });
    expect(stopped).toMatchObject({ code: 130, waitedMs: 0 });
    expect(stopped.outcome).toMatchObject({ truth: "it is running at 1 %, before its first step" });
  });
});
