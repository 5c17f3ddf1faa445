/** The temporary `pixcanary.json` with its token files, readable by the owner alone. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SandboxOperator } from "./operator.ts";
import { temporaryFolder } from "./temporary.ts";
import {
  CANARY_TAG,
  DATASET,
  ENVIRONMENT_NAME,
  LOGS_BUCKET,
  MEDIA_BUCKET,
  PAGES_ORIGIN,
  type SandboxDescription,
  WORKER_NAME,
  ZONE,
} from "./types.ts";

/** What a sender of notices must know, next to the addresses. */
export interface NoticeSecrets {
  routingKey: string;
  webhookToken: string;
}

/** Each null where there is none. */
export interface ConfigSecrets {
  notices: NoticeSecrets | null;
  operator: SandboxOperator | null;
}

export interface ConfigFile {
  path: string;
  remove(): Promise<void>;
}

export async function writeConfigFile(
  description: Omit<SandboxDescription, "configPath">,
  { notices, operator }: ConfigSecrets,
): Promise<ConfigFile> {
  // Tokens must not outlive a process that exits without closing the sandbox.
  const { path: directory, remove } = await temporaryFolder("pixcanary-sandbox-");
  try {
    await chmod(directory, 0o700);
    const path = join(directory, "pixcanary.json");
    const tokenFile = join(directory, "api-token");
    const qaTokenFile = join(directory, "qa-token");
    await writeFile(tokenFile, `${description.apiToken}\n`, { mode: 0o600 });
    await writeFile(qaTokenFile, `${description.qaToken}\n`, { mode: 0o600 });
    const sessionFile = join(directory, "session");
    await writeFile(sessionFile, `${description.session}\n`, { mode: 0o600 });
    const environment = {
      accountId: description.accountId,
      namespaceId: description.kvNamespaceId,
      worker: WORKER_NAME,
      qaUrls: description.locations.map(({ url }) => `${url}/qa`),
      apiBaseUrl: description.apiBaseUrl,
      canaryTag: CANARY_TAG,
      normalPercent: 10,
      protected: false,
      dataset: DATASET,
      pagesOrigin: PAGES_ORIGIN,
      mediaBucket: MEDIA_BUCKET,
      logsBucket: LOGS_BUCKET,
      logsPrefix: "b2a/",
      zone: ZONE,
      legacyHosts: [new URL(description.originUrl).hostname],
      onCall: "the team that runs this sandbox",
      slack: "#sandbox",
      escalation: [{ afterMinutes: 15, to: "the team's lead" }],
      tokenFile,
      qaTokenFile,
      sessionFile,
      ...(await operatorSettings(directory, operator)),
      ...(await notifySettings(directory, description.noticeUrls, notices)),
    };
    const environments = { [ENVIRONMENT_NAME]: environment };
    const text = `${JSON.stringify({ environments }, null, 2)}\n`;
    await writeFile(path, text, { mode: 0o600 });
    return { path, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function operatorSettings(
  directory: string,
  operator: SandboxOperator | null,
): Promise<object> {
  if (operator === null) return {};
  const keyFile = join(directory, "operator-key");
  await writeFile(keyFile, operator.privateKey, { mode: 0o600 });
  return { operator: { name: operator.name, keyFile } };
}

async function notifySettings(
  directory: string,
  urls: SandboxDescription["noticeUrls"],
  secrets: NoticeSecrets | null,
): Promise<object> {
  if (urls === null || secrets === null) return {};
  const secretFile = async (name: string, secret: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, `${secret}\n`, { mode: 0o600 });
    return path;
  };
  const [routingKeyFile, webhookFile, tokenFile] = await Promise.all([
    secretFile("pagerduty-key", secrets.routingKey),
    secretFile("slack-webhook", urls.slack),
    secretFile("webhook-token", secrets.webhookToken),
  ]);
  return {
    notify: {
      pagerduty: { routingKeyFile, apiUrl: urls.pagerduty },
      slack: { webhookFile },
      webhook: { url: urls.webhook, tokenFile },
    },
  };
}
