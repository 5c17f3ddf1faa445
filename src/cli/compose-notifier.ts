/** Who is told of a change. Its secrets are read when there is something to tell: a stop waits for none. */
import type { HostList } from "../adapters/allowed-hosts.ts";
import { createNotifier } from "../adapters/notices.ts";
import type { GrowingRedactor } from "../adapters/redact.ts";
import { createRng } from "../adapters/rng.ts";
import { loadSecret, type Secret, SecretError, type SecretName } from "../adapters/secrets.ts";
import type { Environment } from "../domain/config/environment.ts";
import { allowCommand, strangersIn } from "../domain/config/token-hosts.ts";
import type { Clock, Notifier } from "../ports/machine.ts";
import type { Shell } from "./shell.ts";

export interface NotifierContext {
  shell: Shell;
  /** What relative paths in the configuration start from. */
  baseDir: string;
  clock: Clock;
  redactor: GrowingRedactor;
  hosts: HostList;
}

export function composeNotifier(
  { notify, docs }: Pick<Environment, "notify" | "docs">,
  { shell, baseDir, clock, redactor, hosts }: NotifierContext,
): Notifier {
  const found = new Map<SecretName, Secret>();
  return createNotifier({
    config: notify,
    async loadSecret(name, configured) {
      const known = found.get(name);
      if (known !== undefined) return known;
      const common = { ...shell, baseDir };
      const secret = await loadSecret({ ...common, name, configured });
      if (name === "PIXCANARY_WEBHOOK_TOKEN" && secret !== null) {
        refuseStrangers([notify?.webhook?.url ?? ""], hosts);
      }
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

/** Throws SecretError. */
function refuseStrangers(urls: readonly string[], { hosts, file }: HostList): void {
  const strangers = strangersIn(urls, hosts);
  if (strangers.length === 0) return;
  const message = `not in your allowed hosts, so the webhook's token is not sent: ${strangers.join(", ")}`;
  throw new SecretError(message, allowCommand(strangers, file));
}

export const NO_NOTIFIER: Notifier = {
  channels: [],
  unready: async () => [],
  notify: async () => [],
  report: async () => [],
};
