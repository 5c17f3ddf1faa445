/** A share as typed on the command line: 0 … 100, at most two decimals, `%` tolerated. */
import * as z from "zod";
import { isValidPercent } from "../../domain/state/documents.ts";

export const percentInput = z
  .string()
  .transform((text) => text.trim().replace(/\s*%$/, ""))
  .refine((text) => /^\d{1,3}(\.\d{1,2})?$/.test(text) && isValidPercent(Number(text)), {
    message: "must be a percentage from 0 to 100 with at most two decimals, e.g. 5 or 2.5",
  })
  .transform(Number);
