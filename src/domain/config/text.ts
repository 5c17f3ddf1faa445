/** Text in `pixcanary.json`, as more than one part of its schema needs it. */
import * as z from "zod";
import { UNPRINTABLE } from "./safe-url.ts";

/** Printed on cards and in messages as it is. */
export const printable = z
  .string()
  .min(1)
  .max(500)
  .refine((text) => !UNPRINTABLE.test(text), "must not hold control characters");

export const path = printable.describe("relative to the configuration file, or absolute");
