/** The errors in the files that Logpush would have put into the bucket, read without the program. */
import { gunzipSync } from "node:zlib";
import type { Sandbox } from "../../src/sandbox/index.ts";
import type { SeenError } from "./whole-way-document.ts";

interface LogEvent {
  Event: { RayID?: string } | null;
  Logs: { Message: string[] }[];
  Exceptions: { Name: string; Message: string; TimestampMs: number }[];
}

interface Line {
  timestamp: string;
  level: string;
  cohort: string;
  route: string;
  error_msg: string | null;
  context: { error: string } | null;
}

export async function errorsIn({ control, description }: Sandbox): Promise<SeenError[]> {
  const { apiBaseUrl, accountId, apiToken, logsBucket } = description;
  const base = `${apiBaseUrl}/accounts/${accountId}/r2/buckets/${logsBucket}/objects`;
  const headers = { authorization: `Bearer ${apiToken}` };
  const texts = (await control.logs.keys()).map(async (key) => {
    const answer = await fetch(`${base}/${encodeURIComponent(key)}`, { headers });
    return gunzipSync(await answer.arrayBuffer()).toString();
  });
  const lines = (await Promise.all(texts)).flatMap((text) => text.trim().split("\n"));
  return lines.flatMap((line) => errorsOf(JSON.parse(line) as LogEvent));
}

function errorsOf({ Event, Logs, Exceptions }: LogEvent): SeenError[] {
  const ray = Event?.RayID ?? "unknown";
  const lines = Logs.flatMap(({ Message }) => Message).flatMap((text): Line[] =>
    text.startsWith('{"timestamp"') ? [JSON.parse(text)] : [],
  );
  const logged = lines.filter(({ level }) => level === "ERROR");
  const [own = { cohort: null, route: null }] = lines;
  const said = new Set(logged.map(({ error_msg }) => error_msg));
  // What is thrown and logged is one error.
  const thrown = Exceptions.filter(({ Message }) => !said.has(Message));
  return [
    ...logged.map(({ timestamp, cohort, route, context, error_msg }) => {
      const message = `${context?.error}: ${error_msg}`;
      return { atMs: Date.parse(timestamp), ray, cohort, route, message };
    }),
    ...thrown.map(({ Name, Message, TimestampMs }) => {
      const { cohort, route } = own;
      return { atMs: TimestampMs, ray, cohort, route, message: `${Name}: ${Message}` };
    }),
  ];
}
