/**
 * The manual way: what to type or click when this tool cannot do it, or is not there. Every
 * mutating command prints it on failure, and the card prints it for the wall.
 */

import { STOP_KEY } from "../state/documents.ts";
import { shellQuote, shellWord } from "../text/invocation.ts";
import type { Target } from "./environment.ts";
import { OFFICIAL_API_URL } from "./environment.ts";

export type ManualDocument =
  | { key: "stop"; active: boolean; by?: string; reason?: string }
  | { key: "config"; percent: number; emergency: boolean; tag?: string };

export interface ManualWay {
  /** For a POSIX shell, one line each. */
  put: string;
  get: string;
  /** Without wrangler or Node; reads the token from CLOUDFLARE_API_TOKEN. */
  curl: string;
  /** In the browser, step by step. */
  dashboard: readonly string[];
  verify: readonly string[];
}

/** When the command is run, as the runbook has it. */
const NOW = '"$(date -u +%Y-%m-%dT%H:%M:%SZ)"';

const TIME_TO_FILL_IN = "<now, e.g. 2025-11-15T10:31:02Z>";

export interface ManualOptions {
  /** RFC 3339; fills the time in for the dashboard. The shell commands take the time when run. */
  now?: string;
}

export function manualWay(
  target: Target,
  document: ManualDocument,
  { now }: ManualOptions = {},
): ManualWay {
  const quoted = quotedDocument(target, document);
  const url =
    `${target.apiBaseUrl}/accounts/${target.accountId}/storage/kv/namespaces/${target.namespaceId}` +
    `/values/${document.key}`;
  return {
    put: `${wrangler(target, "put", document.key)} ${quoted}`,
    get: `${wrangler(target, "get", document.key)} --text`,
    curl:
      // Through standard input, so that the token shows in no list of processes.
      `printf 'header = "Authorization: Bearer %s"\\n' "$CLOUDFLARE_API_TOKEN" | ` +
      "curl --config - --fail-with-body --silent --show-error --max-time 20 " +
      `--request PUT --header 'Content-Type: application/octet-stream' --data-binary ${quoted} ${shellQuote(url)}`,
    dashboard: [
      `open https://dash.cloudflare.com/${target.accountId}/workers/kv/namespaces/${target.namespaceId}`,
      `or: Storage & databases → Workers KV → ${target.namespaceId.slice(0, 8)}… → KV Pairs`,
      `edit (or add) the key ${document.key}, paste this value and save:`,
      plainDocument(target, document, now ?? TIME_TO_FILL_IN),
    ],
    verify: target.qaUrls.map((qaUrl) => `curl -si ${shellQuote(qaUrl)} | grep -i '^x-pix-canary'`),
  };
}

/** All of it as lines for a terminal or a card. */
export function manualText(way: ManualWay): string {
  return [
    "with wrangler:",
    `  ${way.put}`,
    `  ${way.get}`,
    "with curl:",
    `  ${way.curl}`,
    "in the dashboard:",
    ...way.dashboard.map((step) => `  ${step}`),
    ...(way.verify.length === 0 ? [] : ["then check:"]),
    ...way.verify.map((command) => `  ${command}`),
  ].join("\n");
}

/** The account is named because wrangler asks, and in a script fails, when a token sees several. */
export function wrangler(target: Target, verb: "put" | "get" | "delete", key: string): string {
  // Only the sandbox's API is not Cloudflare's.
  const elsewhere =
    target.apiBaseUrl === OFFICIAL_API_URL
      ? ""
      : `CLOUDFLARE_API_BASE_URL=${shellWord(target.apiBaseUrl)} `;
  return (
    `${elsewhere}CLOUDFLARE_ACCOUNT_ID=${target.accountId} npx wrangler kv key ${verb} ` +
    `--namespace-id ${target.namespaceId} --remote ${key}`
  );
}

/** The last field is the time; everything before it is fixed. */
function parts(target: Target, document: ManualDocument): { fixed: object; timeField: string } {
  if (document.key === STOP_KEY) {
    const { active, by, reason } = document;
    return { fixed: { active, by, reason }, timeField: "at" };
  }
  return {
    fixed: {
      canary_percent: document.percent,
      canary_tag: document.tag ?? target.canaryTag,
      emergency_proxy: document.emergency,
    },
    timeField: "last_updated",
  };
}

function quotedDocument(target: Target, document: ManualDocument): string {
  const { fixed, timeField } = parts(target, document);
  const start = JSON.stringify(fixed).slice(0, -1);
  return `${shellQuote(`${start},"${timeField}":"`)}${NOW}'"}'`;
}

/** For pasting. */
function plainDocument(target: Target, document: ManualDocument, time: string): string {
  const { fixed, timeField } = parts(target, document);
  return JSON.stringify({ ...fixed, [timeField]: time });
}
