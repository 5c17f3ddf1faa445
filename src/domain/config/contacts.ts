/** Whom to call about an environment, where people talk, and who is next: for the card and for messages. */
import * as z from "zod";
import { once } from "../lib/lazy.ts";
import { plainText } from "../notices/notice.ts";
import { printable } from "./text.ts";

export interface Escalation {
  afterMinutes: number;
  to: string;
}

export interface Contacts {
  onCall: string | null;
  slack: string | null;
  /** Beside Slack: a bridge, a status page, another chat. */
  channels: readonly string[];
  /** In the order in which they are called. */
  escalation: readonly Escalation[];
  docs: string | null;
}

export const NO_CONTACTS: Contacts = {
  onCall: null,
  slack: null,
  channels: [],
  escalation: [],
  docs: null,
};

/** More would not fit on the card. */
const MAX_CHANNELS = 3;
const MAX_STEPS = 4;
const MAX_CHARS = 100;
const DAY_MINUTES = 1_440;

/** Made at its first use: a stop calls nobody. */
export const channelsSchema = once(() => z.array(printable.max(MAX_CHARS)).max(MAX_CHANNELS));

export const escalationSchema = once(() =>
  z
    .array(
      z.strictObject({
        afterMinutes: z.int().min(1).max(DAY_MINUTES),
        to: printable.max(MAX_CHARS),
      }),
    )
    .max(MAX_STEPS)
    .refine(inOrder, "must be in the order of afterMinutes, each later than the one before"),
);

/** For the "did you mean" of unknown settings. */
export const ESCALATION_KEYS: readonly string[] = ["afterMinutes", "to"];

function inOrder(steps: readonly Escalation[]): boolean {
  return steps.every(({ afterMinutes }, nth) => afterMinutes > (steps[nth - 1]?.afterMinutes ?? 0));
}

const MAX_PART_CHARS = 200;

/**
 * "On-call: …", "Slack: …", "After 15 min: …": one part for each, in the order in which people need them;
 * on one line each, safe to hand to a service. Empty when nothing is configured.
 */
export function contactParts(contacts: Contacts): string[] {
  const { onCall, slack, channels, escalation, docs } = contacts;
  const parts: [string, string | null][] = [
    ["On-call", onCall],
    ...escalation.map(({ afterMinutes, to }): [string, string] => [
      `After ${afterMinutes} min`,
      to,
    ]),
    ["Slack", slack],
    ...channels.map((channel): [string, string] => ["Channel", channel]),
    ["Docs", docs],
  ];
  return parts.flatMap(([name, value]) =>
    value === null ? [] : [plainText(`${name}: ${value}`, MAX_PART_CHARS)],
  );
}

export interface ContactProblem {
  problem: string;
  fix: string;
}

/** What an engineer at night would look for in vain. Slack or another channel is enough. */
export function contactProblem(contacts: Contacts): ContactProblem | null {
  const { onCall, slack, channels, escalation } = contacts;
  const missing = [
    ...(onCall === null ? ["onCall"] : []),
    ...(slack === null && channels.length === 0 ? ["slack"] : []),
    ...(escalation.length === 0 ? ["escalation"] : []),
  ];
  const texts: [string, string | null][] = [
    ["onCall", onCall],
    ["slack", slack],
    ...channels.map((text): [string, string] => ["channels", text]),
    ...escalation.map(({ to }): [string, string] => ["escalation", to]),
  ];
  const blank = texts.filter(([, text]) => text !== null && PLACEHOLDER.test(text));
  const wrong = [...new Set([...missing, ...blank.map(([name]) => name)])];
  if (wrong.length === 0) return null;
  const problem = [
    ...(missing.length > 0 ? [`not configured: ${missing.join(", ")}`] : []),
    ...blank.map(([name, text]) => `${name} is not filled in: ${text}`),
  ].join("; ");
  return { problem, fix: `set ${wrong.map((name) => `"${name}"`).join(", ")} in pixcanary.json` };
}

/** As templates have it: "[rotation]", "<name>", "TODO", "…". */
const PLACEHOLDER =
  /^\s*(\[.*\]|<.*>|[.…?_-]+|(todo|tbd|fixme|xxx+|n\/a|none|unknown|example)\b.*)\s*$/i;
