/** What commands need from the world. Adapters implement these; tests may, too. */

import type { Target } from "../domain/config/environment.ts";
import type { TokenHost } from "../domain/config/token-hosts.ts";
import type { AccountProbe, ApiClock, Documents, Journal, Metrics, StateStore } from "./api.ts";
import type { DatabaseProbe, MediaProbe } from "./backends.ts";
import type { Deployments, Routes } from "./ladder.ts";
import type { LogArchive, LogFolders, LogReader, LogTail } from "./logs.ts";
import type { Clock, Debts, Identity, Notifier, RampFile, Rng } from "./machine.ts";
import type { Pages } from "./pages.ts";
import type { ReportFolders } from "./reports.ts";
import type { StopSender } from "./signed-stop.ts";
import type { Progress, Screen } from "./terminal.ts";
import type { QaProbe, VisitorHttp } from "./visitors.ts";

export interface MissingSecret {
  what: "API token" | "/qa token" | "session";
  why: string;
  fix: string;
}

export interface Ports {
  target: Target;
  identity: Identity;
  store: StateStore;
  documents: Documents;
  journal: Journal;
  qa: QaProbe;
  /** Null: no operator key is configured. */
  stopSender: StopSender | null;
  account: AccountProbe;
  /** For `doctor --deep`. */
  database: DatabaseProbe;
  deployments: Deployments;
  routes: Routes;
  media: MediaProbe;
  metrics: Metrics;
  visitor: VisitorHttp;
  notifier: Notifier;
  logs: { archive: LogArchive; tail: LogTail; folders: LogFolders; reader: LogReader };
  reports: ReportFolders;
  pages: Pages;
  /** Takes secrets out of what is kept in a document or a file. */
  redact(text: string): string;
  screen: Screen;
  debts: Debts;
  rampFile: RampFile;
  clock: Clock;
  apiClock: ApiClock;
  rng: Rng;
  progress: Progress;
  /** Where tokens go, for `doctor`; and the command that allows those hosts that are not. */
  tokenHosts: { list: readonly TokenHost[]; problem: string | null; allow: string };
  /** Which secrets are configured and cannot be used, for `doctor`; what can do without went on. */
  missingSecrets: readonly MissingSecret[];
  /** Of the running Node, for `doctor`. */
  nodeVersion: string;
  /** Aborted by Ctrl-C or a signal. */
  interrupt: AbortSignal;
}
