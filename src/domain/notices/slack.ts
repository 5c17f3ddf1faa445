/** Slack's incoming webhooks: docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
import { isoSeconds } from "../text/format.ts";
import type { Notice, NoticeSeverity } from "./notice.ts";
import { clean, headline } from "./notice.ts";
import type { NoticeRequest } from "./retry.ts";

/** Slack cuts messages beyond 4,000 characters into several; escapes count as they are sent. */
export const MAX_SLACK_CHARS = 3_900;

export interface SlackMessage {
  text: string;
  mrkdwn: false;
  parse: "none";
  link_names: false;
  unfurl_links: false;
  unfurl_media: false;
}

const SYMBOLS: Readonly<Record<NoticeSeverity, string>> = {
  critical: "✖ CRITICAL",
  warning: "! warning",
  info: "info",
};

/** Plain text: no markup, no mention and no preview can come of what a notice quotes. */
export function slackMessage(notice: Notice): SlackMessage {
  const safe = clean(notice);
  const { kind, severity, details, next, at, source } = safe;
  const symbol = kind === "resolve" ? "✔" : SYMBOLS[severity];
  const first = [`${symbol}  ${headline(safe)}`];
  // The command comes before the details: they may be too long for one message.
  const command = next === null ? [] : [`→ next: ${next}`];
  const last = [`${at === "" ? "" : `${isoSeconds(at)}, `}${source}`];
  const lines = [...first, ...command, ...details.map((line) => `• ${line}`), ...last];
  return {
    text: fitted(lines.map(escapeForSlack)),
    mrkdwn: false,
    parse: "none",
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
  };
}

/** As many lines as fit, whole: half an escape would show as it is. */
function fitted(lines: readonly string[]): string {
  let text = "";
  for (const line of lines) {
    const longer = text === "" ? line : `${text}\n${line}`;
    if (longer.length > MAX_SLACK_CHARS) break;
    text = longer;
  }
  return text;
}

/** `<!channel>` and `<@U…>` call people; without its angle brackets it is text. */
function escapeForSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** The address of a webhook is its secret. */
export function slackRequest(notice: Notice, { url }: { url: string }): NoticeRequest {
  return { url, headers: {}, body: JSON.stringify(slackMessage(notice)) };
}
