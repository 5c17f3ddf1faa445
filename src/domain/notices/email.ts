/** A notice as an e-mail, for the Worker's `send_email` binding. Text only: nothing in it is markup. */
import { isoSeconds } from "../text/format.ts";
import type { Notice } from "./notice.ts";
import { clean, headline, plainText } from "./notice.ts";

/** Lines of a header hold 998 characters (RFC 5322); subjects that are read are shorter. */
export const MAX_SUBJECT_CHARS = 200;

export interface Email {
  subject: string;
  text: string;
}

export function emailOf(notice: Notice): Email {
  const safe = clean(notice);
  const { severity, details, next, at, source, key } = safe;
  const lines = [
    headline(safe),
    ...(details.length > 0 ? ["", ...details] : []),
    ...(next === null ? [] : ["", `Next: ${next}`]),
    "",
    `${severity}, ${at === "" ? "" : `${isoSeconds(at)}, `}${source}, ${key}`,
  ];
  const subject = plainText(`[pixcanary] ${headline(safe)}`, MAX_SUBJECT_CHARS);
  return { subject, text: `${lines.join("\n")}\n` };
}
