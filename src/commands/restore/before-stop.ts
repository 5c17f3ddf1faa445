/** What native did before the stop: why it was pulled, which somebody must be able to say is over. */
import { timeOf } from "../../domain/lib/time.ts";
import { backToNormal } from "../../domain/policy/back-to-normal.ts";
import type { NormalFinding } from "../../domain/policy/finding.ts";
import type { Asked } from "../../domain/state/emergency.ts";
import type { Ports } from "../../ports/ports.ts";
import { observe } from "../lib/native-health.ts";

/** As measured up to the first emergency in force; empty when nobody knows when that was. */
export async function normalBeforeStop(
  inForce: readonly Asked[],
  ports: Ports,
  signal: AbortSignal,
): Promise<NormalFinding[]> {
  const firstMs = Math.min(...inForce.map(({ at }) => timeOf(at)).filter(Number.isFinite));
  if (!Number.isFinite(firstMs)) return [];
  const clock = { ...ports.clock, now: () => firstMs };
  const { observations } = await observe({ ...ports, clock }, signal, []);
  return backToNormal(observations, ports.target.policy);
}

/** For the operator who is about to say yes. */
export function beforeStopNotes(normal: readonly NormalFinding[], reason: string): string[] {
  const bad = normal.filter(({ verdict }) => verdict !== "pass");
  if (bad.length === 0) return normal.length === 0 ? ["before the stop: not known"] : [];
  const measured = bad.some(({ verdict }) => verdict !== "no_data");
  const figures = bad.map(({ verdict, name, detail }) => {
    return `before the stop: ${verdict} ${name}: ${detail}`;
  });
  return measured ? [...figures, `why that is over, by your --reason: "${reason}"`] : figures;
}
