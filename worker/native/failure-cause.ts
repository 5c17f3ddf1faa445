/** Whose doing a failed call to R2 or the database is. Only what is not the visitor's counts as a failure. */
import type { FailureCause } from "../../src/domain/metrics/point.ts";
import { ClientGoneError } from "../client-gone.ts";
import { TimeLimitError } from "../limit.ts";

/** SQLSTATE classes of what was asked, not of the database: data that cannot be, and constraints. */
const REFUSED_DATA = /^2[23]/;

export function causeOf(error: unknown): FailureCause | "client" {
  if (error instanceof ClientGoneError) return "client";
  if (error instanceof TimeLimitError) return "limit";
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code === "string" && REFUSED_DATA.test(code)) return "client";
  // The driver has limits of its own.
  const timedOut = error instanceof Error && /\btimeout\b/i.test(error.message);
  return timedOut ? "limit" : "upstream";
}
