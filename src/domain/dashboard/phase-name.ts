/** A route without a native handler has the phase `proxy`, whoever was to serve it. */
export function phaseName(phase: string): string {
  return phase === "proxy" ? "other routes" : phase;
}
