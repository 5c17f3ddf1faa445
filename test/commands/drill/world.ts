/** What drills of tests stand on: the ramp's world in memory, with limits that end as its time goes by. */
import type { NativeFault, WayFault } from "../../../src/domain/drill/faults.ts";
import { serialiseConfig } from "../../../src/domain/state/documents.ts";
import type { FaultStage, Page } from "../../../src/ports/fault-stage.ts";
import type { Ports } from "../../../src/ports/ports.ts";
import { BASE } from "../../domain/ramp/world.ts";
import { RampStage } from "../ramp/stage.ts";

export function stageAt(canary_percent: number): RampStage {
  const stage = new RampStage();
  stage.config = serialiseConfig({ ...BASE, canary_percent });
  return stage;
}

export function drillPorts(
  stage: RampStage,
  change: (ports: Ports) => Ports = (ports) => ports,
): Ports {
  const ports = change(stage.ports());
  const limits: { atMs: number; end: AbortController }[] = [];
  const clock: Ports["clock"] = {
    ...ports.clock,
    timeout(ms) {
      const end = new AbortController();
      limits.push({ atMs: stage.nowMs + ms, end });
      return end.signal;
    },
    async sleep(ms, signal) {
      signal.throwIfAborted();
      await ports.clock.sleep(ms, signal);
      for (const { atMs, end } of limits) if (atMs <= stage.nowMs) end.abort();
      signal.throwIfAborted();
    },
  };
  return { ...ports, clock };
}

/** Native fails as soon as it is broken, and the metrics show it at once. */
export class FakeFaults implements FaultStage {
  readonly did: string[] = [];
  paged: Page | null = null;
  stoppedMs: number | null = null;
  onTick: () => void = () => undefined;
  onWay: (fault: WayFault | null) => void = () => undefined;
  readonly #stage: RampStage;

  constructor(stage: RampStage) {
    this.#stage = stage;
  }
  async startVisitors(): Promise<void> {
    this.did.push("visitors");
  }
  async stopVisitors() {
    const rest = { errors: 0, drifts: 0, moved: { ok: 0, broken: 0 }, uploads: 0 };
    return { total: 0, native: 0, proxy: 0, ...rest };
  }
  async breakNative(fault: NativeFault): Promise<void> {
    this.did.push(`break ${fault}`);
    this.#stage.nativeErrors = 100;
  }
  backdate(): string {
    return "backdated";
  }
  async forgetMetrics(): Promise<void> {
    this.did.push("forget");
  }
  async breakWay(fault: WayFault): Promise<void> {
    this.did.push(`break ${fault}`);
    this.onWay(fault);
  }
  async clearWay(): Promise<void> {
    this.onWay(null);
  }
  async heal(): Promise<void> {
    this.did.push("heal");
    this.#stage.nativeErrors = 0;
  }
  async tick(): Promise<void> {
    this.onTick();
  }
  page(): Page | null {
    return this.paged;
  }
  stoppedAt(): number | null {
    return this.stoppedMs;
  }
}
