/** The cron trigger of the Workers, which the runtime does not run by itself. */
import type { Edges } from "./edges.ts";

/** It runs while the Worker is `triggered` at all, at its own pace. Returns how to end it. A run that is still under way is not waited for: the Worker folds them. */
export function startCron(
  edges: Pick<Edges, "scheduled">,
  { cronMs, locations }: { cronMs: number | null; locations: readonly string[] },
  triggered: () => boolean,
): () => Promise<void> {
  if (cronMs === null) return async () => undefined;
  let runs = 0;
  const timer = setInterval(() => {
    const colo = locations[runs % locations.length];
    runs += 1;
    if (colo !== undefined && triggered()) edges.scheduled(colo).catch(() => undefined);
  }, cronMs);
  return async () => clearInterval(timer);
}
