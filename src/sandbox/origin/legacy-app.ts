/** The legacy API: the same contract as the native handlers, with a store of its own. */
import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import * as z from "zod";
import type { Sessions } from "../sessions.ts";
import { PAGES_ORIGIN } from "../types.ts";

interface LegacyJob {
  job_id: string;
  status: "done";
  filename: string;
  created_at: string;
  size: number;
}

interface Intent {
  owner: string;
  size: number;
  filename: string;
  contentType: string;
  object: Uint8Array<ArrayBuffer> | null;
  jobId: string | null;
}

const intentSchema = z.object({
  filename: z.string().min(1).max(255),
  content_type: z.string().min(1).max(100),
  size: z.int().min(1),
});
const loginSchema = z.object({ user: z.string().min(1).max(100) });
const finalizeSchema = z.object({ intent_id: z.string() });

const INTENT_LIFE_MS = 15 * 60_000;
const LISTED_JOBS = 50;
/** Oldest first out: a sandbox may run for days. */
const KEPT = 20_000;
const UPLOAD = "/api/pixcapture/upload";

export interface LegacyStore {
  intents: Map<string, Intent>;
  jobs: Map<
    string,
    LegacyJob & { owner: string; object: Uint8Array<ArrayBuffer>; contentType: string }
  >;
}

type Handler = (c: Context, user: string) => Response | Promise<Response>;

export function createLegacyApp(sessions: Sessions, store: LegacyStore = emptyStore()): Hono {
  const app = new Hono({ strict: false });
  const allowHeaders = ["Content-Type", "Authorization", "X-Canary"];
  app.use("/api/*", cors({ origin: [PAGES_ORIGIN], credentials: true, allowHeaders }));
  /** For those who are logged in, and for no cache. */
  const own = (handler: Handler) => async (c: Context) => {
    const user = sessions.userOf(c.req.header("cookie"));
    const answer = user === null ? refuse(401, "no_session") : await handler(c, user);
    answer.headers.set("cache-control", "private, no-store");
    return answer;
  };
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.post("/api/login", (c) => logIn(c, sessions));
  app.post(
    `${UPLOAD}/intent`,
    own((c, user) => createIntent(c, store, user)),
  );
  app.post(
    `${UPLOAD}/finalize`,
    own((c, user) => finalize(c, store, user)),
  );
  app.put(
    `${UPLOAD}/:intent`,
    own((c, user) => upload(c, store, user)),
  );
  app.get(
    "/api/jobs",
    own((c, user) => {
      const jobs = [...store.jobs.values()].filter(({ owner }) => owner === user);
      return c.json({ jobs: jobs.slice(-LISTED_JOBS).reverse().map(summary) });
    }),
  );
  app.get(
    "/api/jobs/:id",
    own((c, user) => {
      const job = store.jobs.get(c.req.param("id") ?? "");
      if (job?.owner !== user) return refuse(404, "unknown_job");
      const download_url = `/api/pixcapture/download/${job.job_id}`;
      return c.json({ ...summary(job), size: job.size, download_url });
    }),
  );
  app.get(
    "/api/pixcapture/download/:id",
    own((c, user) => {
      const job = store.jobs.get(c.req.param("id") ?? "");
      if (job?.owner !== user) return refuse(404, "unknown_job");
      return new Response(job.object, { headers: { "content-type": job.contentType } });
    }),
  );
  app.all("*", echo);
  return app;
}

/** Anybody may be anybody: it is for rehearsals. */
async function logIn(c: Context, sessions: Sessions): Promise<Response> {
  const cookie = sessions.logIn(loginSchema.safeParse(await json(c)).data?.user);
  const attributes = "Path=/; HttpOnly; Secure; SameSite=None";
  return new Response(null, { status: 204, headers: { "set-cookie": `${cookie}; ${attributes}` } });
}

function emptyStore(): LegacyStore {
  return { intents: new Map(), jobs: new Map() };
}

async function createIntent(c: Context, store: LegacyStore, owner: string): Promise<Response> {
  const body = intentSchema.safeParse(await json(c));
  if (!body.success) return refuse(400, "invalid_request");
  const id = randomUUID();
  const { filename, content_type: contentType, size } = body.data;
  keep(store.intents, id, { owner, filename, contentType, size, object: null, jobId: null });
  const expires_at = new Date(Date.now() + INTENT_LIFE_MS).toISOString();
  return c.json({ intent_id: id, upload_url: `${UPLOAD}/${id}?backend=legacy`, expires_at }, 201);
}

/** The first upload that is whole stays; the answers are native's. */
async function upload(c: Context, store: LegacyStore, user: string): Promise<Response> {
  const body = await c.req.arrayBuffer();
  const intent = store.intents.get(c.req.param("intent") ?? "");
  if (intent?.owner !== user) return refuse(404, "unknown_intent");
  if (body.byteLength !== intent.size) return refuse(400, "size_mismatch");
  const type = c.req.header("content-type");
  if (type !== undefined && mediaType(type) !== mediaType(intent.contentType)) {
    return refuse(415, "content_type_mismatch");
  }
  if (intent.object !== null) return refuse(409, "already_uploaded");
  intent.object = new Uint8Array(body);
  return new Response(null, { status: 204 });
}

function mediaType(text: string): string {
  return (text.split(";", 1)[0] ?? "").trim().toLowerCase();
}

async function finalize(c: Context, store: LegacyStore, user: string): Promise<Response> {
  const body = finalizeSchema.safeParse(await json(c));
  if (!body.success) return refuse(400, "invalid_request");
  const intent = store.intents.get(body.data.intent_id);
  if (intent?.owner !== user) return refuse(404, "unknown_intent");
  if (intent.object === null) return refuse(409, "not_uploaded");
  if (intent.jobId !== null) return c.json({ job_id: intent.jobId, status: "done" }, 200);
  const job_id = randomUUID();
  intent.jobId = job_id;
  keep(store.jobs, job_id, {
    owner: user,
    job_id,
    status: "done",
    filename: intent.filename,
    created_at: new Date().toISOString(),
    size: intent.object.byteLength,
    object: intent.object,
    contentType: intent.contentType,
  });
  return c.json({ job_id, status: "done" }, 201);
}

/** What arrived, so that a proxy can be compared with a direct call. */
async function echo(c: Context): Promise<Response> {
  const url = new URL(c.req.url);
  const body = await c.req.text();
  return c.json({
    backend: "legacy",
    method: c.req.method,
    path: url.pathname,
    query: url.search,
    headers: c.req.header(),
    body,
  });
}

function summary({ job_id, filename, status, created_at }: LegacyJob): Omit<LegacyJob, "size"> {
  return { job_id, filename, status, created_at };
}

function refuse(status: 400 | 401 | 404 | 409 | 415, error: string): Response {
  return Response.json({ error }, { status });
}

async function json(c: Context): Promise<unknown> {
  try {
    return await c.req.json();
  } catch {
    return undefined;
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  if (map.size <= KEPT) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
