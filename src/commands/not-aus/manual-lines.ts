/** The manual stop, for when the tool could not finish it. */

import type { Target } from "../../domain/config/environment.ts";
import { manualWay } from "../../domain/config/manual.ts";

export function manualLines(target: Target): string[] {
  const way = manualWay(target, { key: "stop", active: true });
  return [way.put, ...way.dashboard, ...way.verify];
}
