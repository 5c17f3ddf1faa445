/** A notice as JSON, for a program of one's own. */
import type { Notice } from "./notice.ts";
import { clean } from "./notice.ts";
import type { NoticeRequest } from "./retry.ts";

export interface WebhookDocument extends Notice {
  schema: 1;
}

export function webhookDocument(notice: Notice): WebhookDocument {
  return { schema: 1, ...clean(notice) };
}

export function webhookRequest(
  notice: Notice,
  { url, token }: { url: string; token: string | null },
): NoticeRequest {
  const headers: Record<string, string> =
    token === null ? {} : { authorization: `Bearer ${token}` };
  return { url, headers, body: JSON.stringify(webhookDocument(notice)) };
}
