/** What `/qa` says of one backend's ping. */
import type { Ping } from "./known.ts";

/** Undefined: it says nothing. */
export function pingIn(
  health: { status: "healthy" | "failing" | "unknown"; problem: string | null } | undefined,
): Ping {
  if (health?.status === "failing") return { kind: "fails", problem: health.problem ?? "" };
  return { kind: health?.status === "healthy" ? "answers" : "unknown" };
}
