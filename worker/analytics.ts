/** Analytics Engine's SQL API, asked from the Worker. */
import type { Query } from "../src/domain/metrics.ts";
import type { AnalyticsSettings } from "./env.ts";

const MAX_ANSWER_BYTES = 2 * 1024 * 1024;

/** Rejects for anything but a complete answer within the limit. */
export async function askAnalytics<Row>(
  { sqlUrl, token }: AnalyticsSettings,
  query: Query<Row>,
  limitMs: number,
): Promise<Row[]> {
  const answer = await fetch(sqlUrl, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "text/plain" },
    body: query.sql,
    // The token goes to no other address.
    redirect: "manual",
    signal: AbortSignal.timeout(limitMs),
  });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw new Error(`the SQL API answered ${answer.status}`);
  }
  const parsed: unknown = JSON.parse(await cappedText(answer));
  const data: unknown = parsed instanceof Object && "data" in parsed ? parsed.data : undefined;
  if (!Array.isArray(data)) throw new Error("not an answer of the SQL API");
  return query.read(data);
}

async function cappedText(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER_BYTES) throw new Error("too long an answer");
  }
  return text + decoder.decode();
}
