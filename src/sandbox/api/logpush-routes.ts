/**
 * Logpush jobs of the account. As at Cloudflare, even to list them needs the right to edit, names need
 * not be unique, a job is off unless it says otherwise, and answers hold the secrets of its destination.
 */
import type { Hono } from "hono";
import { type ApiContext, type ApiDeps, type ApiEnv, refuse } from "./access.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { json } from "./json-body.ts";
import { changeSchema, jobSchema, type LogpushJob } from "./logpush-job.ts";

const BASE = "/accounts/:account/logpush/jobs";

export function logpushRoutes(
  api: Hono<ApiEnv>,
  deps: Pick<ApiDeps, "accountId" | "jobs" | "r2">,
): void {
  const { jobs } = deps;
  const refused = (c: ApiContext): Response | null => refuse(c, deps, "logs:write");
  const find = (c: ApiContext): LogpushJob | undefined =>
    jobs.find(({ id }) => String(id) === c.req.param("job"));

  api.get(BASE, (c) => refused(c) ?? ok(jobs));
  api.post(BASE, async (c) => {
    const answer = refused(c);
    if (answer !== null) return answer;
    const parsed = jobSchema.safeParse(await json(c));
    if (!parsed.success) return wrong("error parsing input: invalid job");
    const { dataset, destination_conf: destination } = parsed.data;
    const problem = problemOf(destination, deps);
    if (dataset !== "workers_trace_events") return wrong("invalid dataset");
    if (problem !== null) return wrong(problem);
    const id = Math.max(0, ...jobs.map((job) => job.id)) + 1;
    const job = { ...parsed.data, id, last_complete: null, last_error: null, error_message: null };
    jobs.push(job);
    return ok(job);
  });
  api.get(`${BASE}/:job`, (c) => {
    const answer = refused(c);
    if (answer !== null) return answer;
    const job = find(c);
    return job === undefined ? notFound() : ok(job);
  });
  api.put(`${BASE}/:job`, async (c) => {
    const answer = refused(c);
    if (answer !== null) return answer;
    const job = find(c);
    if (job === undefined) return notFound();
    const change = changeSchema.safeParse(await json(c));
    if (!change.success) return wrong("error parsing input: invalid job");
    return ok(Object.assign(job, change.data));
  });
}

/** Which of its many codes the real API takes is not documented: clients go by the status. */
function wrong(message: string): Response {
  return failure(400, CODES.invalidJob, message);
}

function notFound(): Response {
  return failure(404, CODES.jobNotFound, "job not found");
}

/** The destination must be a bucket that exists, with a key to it. Quoting it is what the real one does. */
function problemOf(
  destination: string,
  { accountId, r2 }: Pick<ApiDeps, "accountId" | "r2">,
): string | null {
  const url = URL.parse(destination.replaceAll("{DATE}", "DATE"));
  const given = ["access-key-id", "secret-access-key"].every((name) => url?.searchParams.get(name));
  const mine = url?.searchParams.get("account-id") === accountId;
  const good = url?.protocol === "r2:" && r2.names.has(url.hostname) && given && mine;
  return good ? null : `error validating destination: ${destination}`;
}
