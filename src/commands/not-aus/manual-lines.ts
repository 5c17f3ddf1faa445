/** The manual stop, for when the tool could not finish it. */

import type { Target } from "../../domain/config/environment.ts";
import { manualWay } from "../../domain/config/manual.ts";

/** wrangler takes the token that the tool took: once that is refused, the browser comes first. */
export function manualLines(
  target: Target,
  { tokenRefused, apiSilent }: { tokenRefused: boolean; apiSilent: boolean },
): readonly string[] {
  const way = manualWay(target, { key: "stop", active: true });
  // The dashboard needs the same API.
  if (apiSilent) return ["once the API answers, or from another network:", way.put, ...way.verify];
  if (!tokenRefused) return [way.put, ...way.dashboard, ...way.verify];
  const withAnother = "or, with CLOUDFLARE_API_TOKEN set to another token:";
  return [...way.dashboard, withAnother, way.put, ...way.verify];
}
