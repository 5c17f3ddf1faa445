/** Pays what a change owes, each part by itself, within the signal. Never throws. */

import { contactParts } from "../../domain/config/contacts.ts";
import { unlessAborted } from "../../domain/lib/abort.ts";
import { noticeOfEntry } from "../../domain/notices/of-entry.ts";
import { type Debt, isPaid } from "../../domain/state/debt.ts";
import type { NoticeReport } from "../../ports/machine.ts";
import type { Ports } from "../../ports/ports.ts";

export interface Payment {
  /** Null when nothing is owed any more. */
  left: Debt | null;
  /** In words, what is left. */
  open: string[];
  /** What no further try would mend: it is not owed any more. */
  lost: string[];
  /** Channels that took the notification now. */
  taken: string[];
}

type Needed = Pick<Ports, "journal" | "notifier" | "target">;

export async function payDebt(ports: Needed, debt: Debt, signal: AbortSignal): Promise<Payment> {
  const late = ["journal in KV: no answer in time"];
  const [missing, reports] = await Promise.all([
    debt.journal
      ? unlessAborted(ports.journal.append(debt.entry, { signal }), signal, () => late)
      : [],
    tell(ports, debt, signal),
  ]);
  const failed = reports.filter(({ problem }) => problem !== null);
  const again = failed.filter((report) => report.again);
  const left = {
    ...debt,
    journal: missing.length > 0,
    channels: again.map(({ channel }) => channel),
  };
  const words = ({ channel, problem }: NoticeReport): string =>
    `notification through ${channel} failed: ${problem}`;
  return {
    left: isPaid(left) ? null : left,
    open: [...missing, ...again.map(words)],
    lost: failed.filter((report) => !report.again).map(words),
    taken: reports
      .filter(({ problem, skipped }) => problem === null && skipped !== true)
      .map(({ channel }) => channel),
  };
}

/** A secret's file may be on a disk that does not answer, which no signal ends. */
async function tell(
  { notifier, target }: Needed,
  { entry, released, channels }: Debt,
  signal: AbortSignal,
): Promise<NoticeReport[]> {
  if (channels.length === 0) return [];
  const all = (problem: string) => () =>
    channels.map((channel) => ({ channel, problem, fix: null, again: true }));
  const contacts = contactParts(target.contacts);
  const telling = notifier
    .report(noticeOfEntry(target.env, entry, { released, contacts }), { signal, channels })
    .catch((error: unknown) => all(String(error))());
  return unlessAborted(telling, signal, all("no answer in time"));
}
