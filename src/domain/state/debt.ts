/** What a change still owes when its command ends: its entry in the journal of KV, and to tell people. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { readDocument } from "../lib/read-document.ts";
import { journalEntrySchema, MAX_ENTRY_CHARS } from "./journal.ts";

const debtSchema = once(() =>
  z.object({
    schema: z.literal(1),
    entry: journalEntrySchema(),
    /** As for `noticeOfEntry`. */
    released: z.boolean(),
    journal: z.boolean(),
    /** Those that have not taken the notice yet. */
    channels: z.array(z.string().max(100)).max(10),
  }),
);

export type Debt = z.output<ReturnType<typeof debtSchema>>;

export function parseDebt(text: string): Debt | null {
  return readDocument(text, debtSchema(), 2 * MAX_ENTRY_CHARS);
}

export function isPaid({ journal, channels }: Debt): boolean {
  return !journal && channels.length === 0;
}
