/** Asks the metrics for the achieved share. Shared by status and watch. */

import { shareOfCohorts } from "../../domain/metrics/queries.ts";
import type { AchievedShare } from "../../domain/proof/achieved-share.ts";
import { achievedShare, shareQuestion, unknownShare } from "../../domain/proof/achieved-share.ts";
import type { ParsedState } from "../../domain/state/state.ts";
import type { Ports } from "../../ports/ports.ts";

/** Throws UpstreamError; without a readable configuration nothing is asked. */
export async function askShare(
  ports: Pick<Ports, "clock" | "metrics">,
  state: ParsedState,
  signal: AbortSignal,
): Promise<AchievedShare> {
  const question = shareQuestion(state, ports.clock.now() / 1_000);
  if (question === null) return unknownShare(state, "no readable config");
  const { window, revision } = question;
  const rows = await ports.metrics.ask((dataset) => shareOfCohorts(dataset, window, revision), {
    signal,
  });
  return achievedShare(rows, state, window);
}
