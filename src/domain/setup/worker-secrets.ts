/** The secrets of the Worker that `setup` generates, as they are in the operator's file and in the Worker. */
import * as z from "zod";
import { isQaToken, QA_TOKEN_FORM } from "../config/qa-token.ts";

export const GENERATED = ["COOKIE_KEYS", "URL_SIGNING_KEY", "QA_TOKEN"] as const;
export type GeneratedName = (typeof GENERATED)[number];
/** Of notification channels: given by the operator. */
export type GivenName = "PAGERDUTY_ROUTING_KEY" | "SLACK_WEBHOOK_URL";

export type WorkerSecrets = Readonly<Record<GeneratedName, string>>;

/** What `wrangler secret bulk` takes. More secrets in it are the operator's. */
const schema = z.looseObject({
  COOKIE_KEYS: z.string().min(1, "is empty"),
  URL_SIGNING_KEY: z.string().min(32, "has fewer than 32 characters"),
  QA_TOKEN: z.string().refine(isQaToken, `is not ${QA_TOKEN_FORM}`),
});

/** Without the values in what is wrong. */
export function parseWorkerSecrets(text: string): WorkerSecrets | { problem: string } {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { problem: "is not JSON" };
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return { problem: `${String(issue?.path[0] ?? "it")} ${issue?.message ?? "is not valid"}` };
}

/** `random` gives so many bytes in base64. A token that the operator has already is kept. */
export function generateSecrets(
  random: (bytes: number) => string,
  qaToken: string | null,
): WorkerSecrets {
  return {
    COOKIE_KEYS: JSON.stringify({ k1: random(32) }),
    URL_SIGNING_KEY: random(32),
    QA_TOKEN:
      qaToken ??
      random(32).replace(/[+/=]/g, (char) => (char === "+" ? "-" : char === "/" ? "_" : "")),
  };
}
