/** Analytics Engine's SQL API, asked from the Worker. */
import type { Query } from "../src/domain/metrics/queries.ts";
import type { AnalyticsSettings } from "./env.ts";

export interface AnswerLimits {
  ms: number;
  bytes: number;
}

/** Rejects for anything but a complete answer within the limits. */
export async function askAnalytics<Row>(
  { sqlUrl, token }: AnalyticsSettings,
  query: Query<Row>,
  limits: AnswerLimits,
): Promise<Row[]> {
  const answer = await fetch(sqlUrl, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "text/plain" },
    body: query.sql,
    // The token goes to no other address.
    redirect: "manual",
    signal: AbortSignal.timeout(limits.ms),
  });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw new Error(`the SQL API answered ${answer.status}`);
  }
  const parsed: unknown = JSON.parse(await cappedText(answer, limits.bytes));
  const data: unknown = parsed instanceof Object && "data" in parsed ? parsed.data : undefined;
  if (!Array.isArray(data)) throw new Error("unexpected answer of the SQL API");
  return query.read(data);
}

async function cappedText(answer: Response, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxBytes) throw new Error("answer too long");
  }
  return text + decoder.decode();
}
