/** JSON documents from KV or from a file: complete and of the expected shape, or none at all. */
import type * as z from "zod";

/** Null for nothing, for what is too long, and for what is not of this shape. */
export function readDocument<T>(
  text: string | null,
  schema: z.ZodType<T>,
  maxChars: number,
): T | null {
  if (text === null || text.length > maxChars) return null;
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
