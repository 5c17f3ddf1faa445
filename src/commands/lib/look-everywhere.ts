/** One look at each `/qa` of the environment, all at once. Never throws: a sighting says what was wrong. */
import type { Sighting } from "../../domain/proof/expectation.ts";
import type { Ports } from "../../ports/ports.ts";

/** `full` waits for the pings of native and proxy; `cached` shows those that were made last. */
export function lookEverywhere(
  { qa }: Pick<Ports, "qa">,
  health: "cached" | "full",
  signal: AbortSignal,
): Promise<Sighting[]> {
  return Promise.all(qa.urls.map((url) => qa.look(url, { signal, health })));
}
