/** Trace events as workerd hands them to a tail Worker. */
import * as z from "zod";

const timestamp = z.number().nullable();

const traceSchema = z.object({
  outcome: z.string(),
  wallTime: z.number().default(0),
  cpuTime: z.number().default(0),
  truncated: z.boolean().default(false),
  exceptions: z.array(
    z.object({
      name: z.string(),
      message: z.string(),
      timestamp,
      stack: z.string().optional(),
    }),
  ),
  logs: z.array(z.object({ message: z.unknown(), level: z.string(), timestamp })),
  eventTimestamp: timestamp,
  event: z
    .object({
      request: z
        .object({
          url: z.string(),
          method: z.string(),
          headers: z.record(z.string(), z.string()),
          cf: z.unknown().optional(),
        })
        .optional(),
      response: z.object({ status: z.number() }).optional(),
      cron: z.string().optional(),
      scheduledTime: z.number().optional(),
    })
    .nullable(),
});

/** What the real ones hide, too: names that hold these words. */
const SECRET_HEADER = /auth|cookie|key|secret|token|jwt/i;

/** As the tail API sends it: camelCase, with the Worker's name. */
export interface Trace extends z.output<typeof traceSchema> {
  scriptName: string;
  scriptVersion: { id: string };
}

/** The one that runs at every location. */
export interface TracedWorker {
  name: string;
  versionId: string;
}

/** What a tail Worker was given; whatever is no trace event is left out. */
export function tracesOf(json: unknown, of: TracedWorker): Trace[] {
  const items: unknown[] = Array.isArray(json) ? json : [];
  return items.flatMap((item) => {
    const parsed = traceSchema.safeParse(item);
    return parsed.success ? [named(parsed.data, of)] : [];
  });
}

function named(trace: z.output<typeof traceSchema>, { name, versionId }: TracedWorker): Trace {
  const { event } = trace;
  const request =
    event?.request === undefined
      ? undefined
      : { ...event.request, headers: redacted(event.request.headers) };
  return {
    ...trace,
    event: event === null ? null : { ...event, ...(request === undefined ? {} : { request }) },
    scriptName: name,
    scriptVersion: { id: versionId },
  };
}

function redacted(headers: Record<string, string>): Record<string, string> {
  const shown = Object.entries(headers).map(([name, value]) => [
    name,
    SECRET_HEADER.test(name) ? "REDACTED" : value,
  ]);
  return Object.fromEntries(shown);
}
