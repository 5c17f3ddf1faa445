/** The guardian stops: its cron runs, one run after the other, until the stop is stored and seen live. */
import { GUARDIAN } from "../../domain/guardian/document.ts";
import { anySignal } from "../../domain/lib/abort.ts";
import type { FaultStage } from "../../ports/fault-stage.ts";
import type { Ports } from "../../ports/ports.ts";
import { isLive, proveLive } from "../lib/prove-live.ts";
import { readBase } from "../lib/stored-state.ts";
import { DRILL_BUDGET_MS, slowest, type Trial } from "./run.ts";

const EVERY_MS = 1_000;

/** What kept the stop from being seen; null: nothing. */
export async function waitForGuardian(
  { detectedMs, times, known }: Trial,
  { stage, ports }: { stage: Pick<FaultStage, "tick">; ports: Ports },
): Promise<string | null> {
  const { clock, interrupt } = ports;
  const signal = anySignal([clock.timeout(DRILL_BUDGET_MS), interrupt]);
  known.notes.push("the cron ran each second; in production it runs each minute: up to 60 s more");
  while (!signal.aborted) {
    const startedMs = clock.monotonic();
    await stage.tick();
    if (await guardianHasStopped(ports, signal)) {
      times.decide = startedMs - detectedMs;
      times.stored = clock.monotonic() - startedMs;
      const options = { signal, startedMs, what: "stop" };
      const proof = await proveLive(ports, { emergency: true }, options);
      if (!isLive(proof))
        return `live: not seen at ${proof.missing.map((m) => m.location).join(", ")}`;
      times.live = slowest(proof);
      times.effective = times.decide + (times.live ?? 0);
      return null;
    }
    await clock.sleep(EVERY_MS, signal).catch(() => undefined);
  }
  return `decide: the guardian did not stop native within ${DRILL_BUDGET_MS / 1_000} s`;
}

async function guardianHasStopped(ports: Ports, signal: AbortSignal): Promise<boolean> {
  const base = await readBase(ports, signal);
  if (!("state" in base)) return false;
  const { stop } = base.state;
  return stop.kind === "valid" && stop.value.active && stop.value.by === GUARDIAN;
}
