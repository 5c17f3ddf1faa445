/** The operator key of an environment, by which a stop also goes to the Worker itself. */
import type { Redact } from "../adapters/redact.ts";
import { createStopSender } from "../adapters/signed-stop.ts";
import type { Environment } from "../domain/config/environment.ts";
import type { Clock } from "../ports/machine.ts";
import type { StopSender } from "../ports/signed-stop.ts";
import type { Shell } from "./shell.ts";

/** Reads nothing yet. Null where no operator is configured. */
export function composeStopSender(
  name: string,
  { operator }: Environment,
  given: { shell: Shell; baseDir: string; clock: Clock; redact: Redact },
): StopSender | null {
  if (operator === undefined) return null;
  const { shell, baseDir, clock, redact } = given;
  const { env, home, cwd, version } = shell;
  const places = { env, home, cwd, baseDir };
  return createStopSender({ operator, environment: name, places, clock, version, redact });
}
