/** Native's database, for `doctor --deep`: its address comes from DATABASE_URL alone. */
import type { GrowingRedactor } from "../adapters/redact.ts";
import { Secret } from "../adapters/secrets.ts";
import type { DatabaseProbe } from "../ports/backends.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { Shell } from "./shell.ts";

/** The driver is loaded when somebody looks. The password may be quoted without its address. */
export function composeDatabase(
  { DATABASE_URL: url }: Shell["env"],
  { redact, add }: GrowingRedactor,
): DatabaseProbe {
  const password = URL.parse(url ?? "")?.password;
  if (password) add(new Secret(decodeURIComponent(password), "environment DATABASE_URL"));
  return {
    async look({ signal }) {
      if (!url?.trim()) throw new UpstreamError("not-found", "DATABASE_URL is not set");
      const { lookAtDatabase } = await import("../adapters/database-probe.ts");
      const found = await lookAtDatabase(url.trim(), { signal, redact });
      if ("because" in found) throw new UpstreamError(found.kind, found.because);
      return found;
    },
  };
}
