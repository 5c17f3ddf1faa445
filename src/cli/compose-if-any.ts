/** For verbs that can do without an environment: with it where there is one, else without. */

import { createClock } from "../adapters/clock.ts";
import { ConfigError } from "../adapters/config-file.ts";
import { createIdentity } from "../adapters/identity.ts";
import { createPages } from "../adapters/pages.ts";
import { createRedactor } from "../adapters/redact.ts";
import { createReportFolders } from "../adapters/report-folder.ts";
import { createRng } from "../adapters/rng.ts";
import { NO_CONTACTS } from "../domain/config/contacts.ts";
import { OFFICIAL_API_URL } from "../domain/config/environment.ts";
import { DEFAULT_POLICY } from "../domain/policy/numbers.ts";
import { UpstreamError } from "../ports/errors.ts";
import type { Ports } from "../ports/ports.ts";
import { compose, localLogs, refusing, type World } from "./compose.ts";
import { NO_NOTIFIER } from "./compose-notifier.ts";
import { hintOf } from "./errors.ts";
import type { GlobalFlags } from "./program.ts";
import { createProgress } from "./progress.ts";
import { createScreen } from "./screen.ts";
import type { Shell } from "./shell.ts";

/** An environment that is asked for by a flag must be usable; one that merely lies about need not. */
export async function composeIfAny(
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
): Promise<World> {
  try {
    return await compose(flags, shell, interrupt, { relief: false, reads: true });
  } catch (error) {
    const asked = flags.env !== undefined || flags.config !== undefined;
    if (asked || hintOf(error) === null) throw error;
    if (!(error instanceof ConfigError && error.missing)) {
      const why = error instanceof Error ? error.message : String(error);
      shell.console.err(`! continuing without an environment: ${why}`);
    }
    const redact = createRedactor([]);
    return { ports: { ...withoutEnvironment(flags, shell, interrupt), redact }, redact };
  }
}

function withoutEnvironment(
  flags: GlobalFlags,
  shell: Shell,
  interrupt: AbortSignal,
): Omit<Ports, "redact"> {
  const error = new UpstreamError("not-found", "no environment is configured");
  const refuse = () => Promise.reject(error);
  const api = refusing(error, "no environment");
  return {
    ...api,
    journal: { ...api.journal, recent: async () => ({ entries: [], warnings: [] }) },
    logs: { ...api.logs, ...localLogs(shell) },
    reports: createReportFolders(shell.cwd),
    pages: createPages(),
    target: NOWHERE,
    identity: createIdentity({ env: shell.env, version: shell.version }),
    qa: { urls: [], look: refuse },
    stopSender: null,
    visitor: { hasQaToken: false, hasSession: false, send: refuse },
    notifier: NO_NOTIFIER,
    clock: createClock(),
    rng: createRng(),
    progress: createProgress(
      (text) => shell.console.err(text),
      (text) => shell.console.status?.(text),
      flags.quiet,
    ),
    screen: createScreen(shell.console, {
      json: flags.json === true,
      color: flags.color,
      env: shell.env,
    }),
    interrupt,
    debts: NO_DEBTS,
    rampFile: {
      path: "",
      read: async () => null,
      write: refuse,
      lock: refuse,
      isLocked: async () => false,
      unlock: async () => undefined,
    },
    tokenHosts: { list: [], problem: null, allow: "" },
    missingSecrets: [],
    database: { look: refuse },
    nodeVersion: process.versions.node,
  };
}

const NO_DEBTS: Ports["debts"] = {
  background: false,
  keep: async () => false,
  drop: async () => undefined,
  leave: async () => undefined,
  waiting: async () => 0,
  takeOver: async () => [],
  passOn: async () => undefined,
};

export const NOWHERE: Ports["target"] = {
  env: "",
  accountId: "",
  namespaceId: "",
  worker: "",
  canaryTag: "",
  normalPercent: 0,
  protected: true,
  qaUrls: [],
  apiBaseUrl: OFFICIAL_API_URL,
  dataset: null,
  zone: null,
  legacyHosts: [],
  policy: DEFAULT_POLICY,
  ramps: {},
  rampMinNativeRequests: 0,
  pagesOrigin: null,
  configPath: null,
  contacts: NO_CONTACTS,
};
