/** The dashboard's page, in a browser of this machine. */
import type { DashboardDocument } from "../domain/dashboard/document.ts";
import type { Range } from "../domain/dashboard/range.ts";

export interface Pages {
  /** False where no browser can be started. Never throws. */
  open(url: string): Promise<boolean>;
  /**
   * Serves the page on loopback until the signal aborts, then resolves. `ready` is told its address, which lets in
   * one browser, once. Throws LocalError when nothing can be served.
   */
  serve(
    read: (range: Range) => Promise<DashboardDocument>,
    options: { signal: AbortSignal; ready(url: string): void },
  ): Promise<void>;
}
