/**
 * Tells people of a change, after it: nothing of it comes before the write, its proof or the verdict,
 * and what cannot be told in time is a warning.
 */

import { unlessAborted } from "../../domain/lib/abort.ts";
import { noticeOfEntry } from "../../domain/notices/of-entry.ts";
import type { JournalEntry } from "../../domain/state/journal.ts";
import type { Ports } from "../../ports/ports.ts";

/** The notifier ends a little before its time is up: it knows which channel was late. */
const NOTIFIER_SHARE = 0.9;

/** Never throws. `limitMs` is for all channels together; `released` as for `noticeOfEntry`. */
export async function tellOthers(
  ports: Pick<Ports, "clock" | "interrupt" | "notifier" | "progress" | "target">,
  entry: JournalEntry,
  { limitMs, released }: { limitMs: number; released: boolean },
): Promise<void> {
  const { clock, interrupt, notifier, progress, target } = ports;
  if (notifier.channels.length === 0) return;
  // A Ctrl-C from now on ends it; after an earlier one it has what is left.
  const within = (ms: number): AbortSignal =>
    interrupt.aborted ? clock.timeout(ms) : AbortSignal.any([clock.timeout(ms), interrupt]);
  const signal = within(limitMs * NOTIFIER_SHARE);
  const telling = notifier
    .notify(noticeOfEntry(target.env, entry, released), { signal })
    .catch((error: unknown) => [`no notification sent: ${String(error)}`]);
  // A secret's file may be on a disk that does not answer, which no signal ends.
  const late = (): string[] => ["notifications may not have been sent: timed out"];
  for (const warning of await unlessAborted(telling, within(limitMs), late)) progress.warn(warning);
}
