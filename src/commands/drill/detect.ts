/** Waits until the policy names a fault, as `assess` sees it: its finding fails, and the advice is `not-aus`. */
import type { Fault } from "../../domain/drill/faults.ts";
import { labelOf } from "../../domain/policy/rules.ts";
import type { FaultStage } from "../../ports/fault-stage.ts";
import type { Ports } from "../../ports/ports.ts";
import { type AssessData, assess } from "../assess.ts";
import type { CommonInput } from "../command.ts";
import { sentence } from "../lib/findings-text.ts";

/** Three times what it may take: by then it is known to be too slow, and the drill goes on. */
const GIVE_UP_MS = 180_000;
const EVERY_MS = 2_000;
/** A sample unlike the rest, such as a slow first second, would hide the fault from all looks. */
const LOOKS_PER_SAMPLE = 10;

export interface Detected {
  /** The finding in words; null: it was not named in time, and `because` says what was. */
  finding: string | null;
  advice: string;
  because: string;
  /** What of the metrics was made the past. */
  backdated: string | null;
}

export async function untilDetected(
  fault: Fault,
  stage: Pick<FaultStage, "backdate" | "forgetMetrics">,
  input: CommonInput,
  ports: Ports,
): Promise<Detected> {
  const { clock, interrupt } = ports;
  const endMs = clock.monotonic() + GIVE_UP_MS;
  let backdated: string | null = null;
  let because = "too few requests of native";
  let looks = 0;
  while (clock.monotonic() < endMs && !interrupt.aborted) {
    backdated ??= stage.backdate();
    if (backdated !== null) {
      const outcome = await assess.run({ ...Object(input), timeoutMs: assess.timeoutMs }, ports);
      const data = "data" in outcome ? outcome.data : undefined;
      const found = namedIn(data, fault);
      if (found !== null) return { ...found, because: "", backdated };
      because = data?.situation.headline ?? outcome.kind;
      looks += 1;
      if (looks % LOOKS_PER_SAMPLE === 0) {
        await stage.forgetMetrics();
        backdated = null;
      }
    }
    await clock.sleep(EVERY_MS, interrupt).catch(() => undefined);
  }
  return { finding: null, advice: "none", because, backdated };
}

function namedIn(data: AssessData | undefined, fault: Fault) {
  const found = data?.problems.find(({ rule }) => rule === fault.finding);
  if (data === undefined || found === undefined || data.recommendation !== "not-aus") return null;
  return { finding: sentence(found), advice: data.recommendation };
}

export function notDetected({ because }: Detected, fault: Fault): string {
  return `detect: "${labelOf(fault.finding)}" was not named within ${GIVE_UP_MS / 1_000} s: ${because}`;
}
