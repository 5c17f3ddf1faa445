/** Who is told of a change. Its secrets are read when there is something to tell: a stop waits for none. */
import { createNotifier } from "../adapters/notices.ts";
import type { GrowingRedactor } from "../adapters/redact.ts";
import { createRng } from "../adapters/rng.ts";
import { loadSecret, type Secret, type SecretName } from "../adapters/secrets.ts";
import type { Environment } from "../domain/environment.ts";
import type { Clock, Notifier } from "../ports.ts";
import type { Shell } from "./run.ts";

export interface NotifierContext {
  shell: Shell;
  /** What relative paths in the configuration start from. */
  baseDir: string;
  clock: Clock;
  redactor: GrowingRedactor;
}

export function composeNotifier(
  { notify, docs }: Pick<Environment, "notify" | "docs">,
  { shell, baseDir, clock, redactor }: NotifierContext,
): Notifier {
  const found = new Map<SecretName, Secret>();
  return createNotifier({
    config: notify,
    async loadSecret(name, configured) {
      const known = found.get(name);
      if (known !== undefined) return known;
      const common = { env: shell.env, baseDir, stdin: process.stdin };
      const secret = await loadSecret({ ...common, name, configured });
      if (secret !== null) {
        found.set(name, secret);
        redactor.add(secret);
      }
      return secret;
    },
    redact: redactor.redact,
    clock,
    random: createRng().next,
    links: docs?.startsWith("https://") === true ? [{ href: docs, text: "Runbook" }] : [],
    version: shell.version,
  });
}

export const NO_NOTIFIER: Notifier = {
  channels: [],
  notify: async () => [],
  report: async () => [],
};
