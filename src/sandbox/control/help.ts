/** What the control API can do, for `pixcanary sandbox --help` and for its own front page. */
import { type FaultKind, faultRuleSchema } from "../api/faults.ts";

export const CONTROL_ENDPOINTS: Record<string, string> = {
  "GET /": "this list, the fault kinds, the state",
  "GET /description": "the document of `pixcanary sandbox --json`",
  "GET /state": "everything that is switched, stored and seen per location",
  "PUT /kv":
    '{"location"?, "lagMs"?: {"min","max"}, "frozen"?, "readMs"?: {"min","max"}, "reads"?: normal|throw|hang|stale|reorder, "catchUp"?: true}',
  "GET|DELETE /faults": "the API's fault rules; DELETE ends all, DELETE /faults/<id> one",
  "POST /faults":
    'one more rule: {"kind", …, "match"?: {"method"?, "pathContains"?}, "times"?, "after"?}',
  "PUT /faults": "a list of rules in place of the present ones",
  "PUT /api":
    '{"clockSkewMs"?, "limits"?: {"keyWrites"?, "requests"?, "budget"?}, "exhaustBudget"?: true, "resetLimits"?: true}',
  "PUT /native":
    '{"errorShare"?: 0…1, "failAfterBody"?, "addedLatencyMs"?, "message"?, "r2Down"?, "databaseDown"?, "databaseLatencyMs"?}',
  "PUT /origin": '{"down"?, "errorShare"?: 0…1, "addedLatencyMs"?}',
  "PUT /metrics":
    '{"sampleInterval"?: N or {"<index>": N}, "delayMs"?}: Analytics Engine keeps one of N points, and shows them later',
  "GET|DELETE /points":
    "the Analytics Engine points caught so far; DELETE forgets all, also in queries",
  "POST /points":
    'a list of rows with a time of their own: {"atMs", "indexes"?, "blobs"?, "doubles"?, "sampleInterval"?, "dataset"?}',
  "PUT /logs":
    '{"batchMs"?, "delayMs"?: {"min","max"}, "tail"?: {"eventsPerS"?, "ttlMs"?, "silent"?}, "flush"?: true, "tails"?: cut|expire, "put"?: [{"key", "text"? or "base64"?}]}',
  "GET|DELETE /notices":
    "what PagerDuty, Slack, webhook and e-mail received, and the open incidents; DELETE forgets it",
  "PUT /notices":
    '{"channel"?: pagerduty|slack|webhook|email, "delayMs"?, "status"?: 200…599 or null, "drop"?}: how they take it',
  "POST /heal": "ends every fault above; lag, limits and traffic stay",
  "POST /tokens":
    '{"kind": full|kv-read-only|logs-read-only|analytics-read-only|no-permissions|expiring|expired|disabled|wrong-account}',
  "PUT /traffic":
    '{"visitors"?, "ratePerS"?, "mix"?: {"upload","jobs","other"}, "roaming"?: 0…1, "actionsPerVisitor"?, "thinkMs"?, "uploadBytes"?, "abandon"?: 0…1}',
  "GET|DELETE /traffic": "the report; DELETE stops the traffic and answers the last report",
  "POST /flows":
    'runs upload flows and reports: {"count", "concurrency"?, "flowsPerVisitor"?, "keepCookies"?, "roaming"?, "thinkMs"?, "uploadBytes"?, "abandon"?: 0…1}',
  "GET|DELETE /requests": "what the Cloudflare API was asked; DELETE forgets it",
};

const FAULTS: Record<FaultKind, string> = {
  delay: '"ms": answers later',
  "rate-limited": '429, "retryAfterS"?: with that header',
  "server-error": '"status"? (503), "committed"?: the write happens all the same',
  unauthorized: "401",
  forbidden: "403",
  "reset-before": "connection reset, nothing done",
  "reset-after": "done, then the connection is reset",
  hang: "nothing done, no answer",
  "lost-answer": "done, no answer",
  drip: '"bytes"? (1) each "everyMs"? (200)',
  truncated: "half of the body, as if that were all",
  "flipped-byte": "one byte of the body is another",
  "reset-mid-body": "half of the body, then a reset",
  html: 'a sign-in page with 200, "committed"?',
  unsuccessful: '200 with "success": false, "committed"?',
  "forgotten-write": "a write is acknowledged and never stored",
  "echo-authorization": 'an error that quotes the Authorization header, "status"? (400)',
  "duplicate-write": 'the write again after "afterMs"? (500)',
  "stale-read": "reads answer the value before the last write",
  "older-read": "reads answer the oldest value still known",
  outage: "connections are refused",
};

/** Name and effect of each fault kind; the schema is the authority on which there are. */
export function faultSummary(): Record<string, string> {
  const kinds = faultRuleSchema.options.map((option) => option.shape.kind.value);
  return Object.fromEntries(kinds.map((kind) => [kind, FAULTS[kind]]));
}

export const SANDBOX_CONTROL_HELP: string = [
  "Control API (JSON over HTTP at controlUrl; PUT and POST take the fields shown, all optional with ?):",
  ...table(CONTROL_ENDPOINTS),
  "",
  "Fault kinds of the Cloudflare API (each with match, times, after):",
  ...table(FAULTS),
  "",
  "Example:",
  `  curl -X POST "$controlUrl/faults" -d '{"kind":"lost-answer","match":{"method":"PUT"},"times":1}'`,
].join("\n");

function table(rows: Record<string, string>): string[] {
  const width = Math.max(...Object.keys(rows).map((name) => name.length));
  return Object.entries(rows).map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
}
