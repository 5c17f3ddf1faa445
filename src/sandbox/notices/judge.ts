/** What each service answers to what it is sent, by its documentation. */
import * as z from "zod";
import type { Verdict } from "./pagerduty.ts";

/** What a sender must know. */
export interface Secrets {
  routingKey: string;
  /** The path of Slack's address. */
  slackPath: string;
  webhookToken: string;
}

export interface Judged {
  status: number;
  body: string;
  /** Of the e-mail binding's error. */
  code: string | null;
}

const slackSchema = z.strictObject({
  text: z.string().min(1).max(40_000),
  mrkdwn: z.boolean().optional(),
  parse: z.enum(["none", "full"]).optional(),
  link_names: z.boolean().optional(),
  unfurl_links: z.boolean().optional(),
  unfurl_media: z.boolean().optional(),
});

const noticeSchema = z.strictObject({
  schema: z.literal(1),
  kind: z.enum(["trigger", "resolve", "reminder", "event"]),
  key: z.string().min(1).max(255),
  env: z.string().min(1),
  severity: z.enum(["critical", "warning", "info"]),
  title: z.string().min(1),
  details: z.array(z.string()),
  next: z.string().nullable(),
  at: z.iso.datetime(),
  source: z.string().min(1),
});

const address = z.email();
const mailSchema = z.strictObject({
  from: address,
  to: z.array(address).min(1).max(50),
  subject: z
    .string()
    .min(1)
    .max(998)
    .regex(/^[^\r\n]*$/),
  text: z.string().min(1),
});

const answer = (status: number, body = "", code: string | null = null): Judged => ({
  status,
  body,
  code,
});

export const judge = {
  pagerduty: ({ ok, answer: said }: Verdict): Judged =>
    answer(ok ? 202 : 400, JSON.stringify(said)),

  slack(body: unknown, known: boolean): Judged {
    if (!known) return answer(404, "no_service");
    return slackSchema.safeParse(body).success ? answer(200, "ok") : answer(400, "invalid_payload");
  },

  webhook(body: unknown, authorised: boolean): Judged {
    if (!authorised) return answer(401, "unauthorized");
    const notice = noticeSchema.safeParse(body);
    return notice.success ? answer(204) : answer(400, z.prettifyError(notice.error));
  },

  email(message: unknown): Judged {
    const mail = mailSchema.safeParse(message);
    if (mail.success) return answer(202);
    return answer(400, z.prettifyError(mail.error), "E_VALIDATION_ERROR");
  },
};
