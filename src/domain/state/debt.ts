/** What a change still owes when its command ends: its entry in the journal of KV, and to tell people. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { journalEntrySchema } from "./journal.ts";

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
  try {
    const parsed = debtSchema().safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

export function isPaid({ journal, channels }: Debt): boolean {
  return !journal && channels.length === 0;
}
