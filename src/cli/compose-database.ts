/** Native's database, for `doctor --deep`: its address comes from DATABASE_URL alone. */
import type { GrowingRedactor } from "../adapters/redact.ts";
import { Secret } from "../adapters/secrets.ts";
import type { DatabaseProbe } from "../ports/backends.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { Shell } from "./shell.ts";

/** Nothing of the address is looked at before somebody asks: other commands have no use for it, and none may fail by it. */
export function composeDatabase(
  { DATABASE_URL }: Shell["env"],
  { redact, add }: GrowingRedactor,
): DatabaseProbe {
  return {
    async look({ signal }) {
      const url = DATABASE_URL?.trim() ?? "";
      if (url === "") throw new UpstreamError("not-found", "DATABASE_URL is not set");
      for (const password of passwordsIn(url))
        add(new Secret(password, "environment DATABASE_URL"));
      const { lookAtDatabase } = await import("../adapters/database-probe.ts");
      const found = await lookAtDatabase(url, { signal, redact });
      if ("because" in found) throw new UpstreamError(found.kind, found.because);
      return found;
    },
  };
}

/** As it stands in the address, and as the server gets it: either may be quoted without the rest. */
function passwordsIn(url: string): string[] {
  const password = URL.parse(url)?.password ?? "";
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
