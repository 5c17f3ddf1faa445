/** The real ports of the CLI for a configuration file, without a process around them. */
import { compose } from "../../src/cli/compose.ts";
import type { CommonInput } from "../../src/commands/command.ts";
import type { Clock } from "../../src/ports/machine.ts";
import type { Ports } from "../../src/ports/ports.ts";
import { patientClock, shellFor } from "./here.ts";
import { HANG_MS } from "./patience.ts";

/** `shellEnv` is what the shell exports: tokens, for a configuration without token files. */
export async function portsOf(
  configPath: string,
  env = "sandbox",
  shellEnv: Record<string, string> = {},
  clock: Clock = patientClock(),
): Promise<Ports> {
  const shell = shellFor({ env: shellEnv, clock });
  const flags = { config: configPath, env, verify: true, color: false };
  const { ports } = await compose(flags, shell, new AbortController().signal);
  return ports;
}

export const GIVEN: CommonInput = {
  reason: "test",
  incident: undefined,
  force: false,
  verify: true,
  timeoutMs: HANG_MS,
};
