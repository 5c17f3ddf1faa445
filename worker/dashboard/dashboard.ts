/** The dashboard's parts, once per isolate. */

import type { RangeFigures } from "../../src/domain/dashboard/document.ts";
import type { KeptFigures } from "../../src/domain/dashboard/figures.ts";
import { isWhole } from "../../src/domain/dashboard/figures.ts";
import type { Kept } from "../../src/domain/lib/kept.ts";
import { createKept } from "../../src/domain/lib/kept.ts";
import type { JournalEntry } from "../../src/domain/state/journal.ts";
import type { Settings } from "../env.ts";
import { withLimit } from "../limit.ts";
import type { Access } from "./access.ts";
import { createAccess } from "./access.ts";
import type { ViewerCookie } from "./viewer-cookie.ts";
import { createViewerCookie } from "./viewer-cookie.ts";

export interface Dashboard extends KeptFigures {
  viewers: ViewerCookie;
  access: Access;
  /** By `Past`. */
  entries: Kept<readonly JournalEntry[]>;
}

/** A question to the metrics may take 6 s; the slower of two rounds is waited for. */
const FIGURES_LIMIT_MS = 8_000;
const ENTRIES_LIMIT_MS = 5_000;

export function createDashboard(
  { qaToken, access }: Pick<Settings, "qaToken" | "access">,
  now: () => number,
): Dashboard {
  const times = {
    now,
    limited: <T>(limitMs: number, work: Promise<T>) => withLimit("dashboard", limitMs, work),
  };
  return {
    viewers: createViewerCookie(qaToken, now),
    access: createAccess(access),
    present: createKept(FIGURES_LIMIT_MS, times, ({ figures }) => isWhole(figures)),
    figures: createKept<RangeFigures>(FIGURES_LIMIT_MS, times, isWhole),
    entries: createKept(ENTRIES_LIMIT_MS, times),
  };
}
