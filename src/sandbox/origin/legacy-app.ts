/** The legacy API: the same contract as the native handlers, with a store of its own. */
import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import * as z from "zod";
import { PAGES_ORIGIN } from "../types.ts";

export interface LegacyJob {
  job_id: string;
  status: "done";
  filename: string;
  created_at: string;
  size: number;
}

interface Intent {
  filename: string;
  contentType: string;
  object: Uint8Array<ArrayBuffer> | null;
  jobId: string | null;
}

const intentSchema = z.object({
  filename: z.string().min(1).max(255),
  content_type: z.string().min(1).max(100),
  size: z.int().min(0),
});
const finalizeSchema = z.object({ intent_id: z.string() });

const INTENT_LIFE_MS = 15 * 60_000;
const LISTED_JOBS = 50;
/** Oldest first out: a sandbox may run for days. */
const KEPT = 20_000;
const UPLOAD = "/api/pixcapture/upload";

export interface LegacyStore {
  intents: Map<string, Intent>;
  jobs: Map<string, LegacyJob & { object: Uint8Array<ArrayBuffer>; contentType: string }>;
}

export function createLegacyApp(store: LegacyStore = emptyStore()): Hono {
  const app = new Hono({ strict: false });
  const allowHeaders = ["Content-Type", "Authorization", "X-Canary"];
  app.use("/api/*", cors({ origin: [PAGES_ORIGIN], credentials: true, allowHeaders }));
  app.get("/health", (c) => c.json({ status: "ok" }));
  app.post(`${UPLOAD}/intent`, (c) => createIntent(c, store));
  app.post(`${UPLOAD}/finalize`, (c) => finalize(c, store));
  app.put(`${UPLOAD}/:intent`, (c) => upload(c, store));
  app.get("/api/jobs", (c) => {
    const newest = [...store.jobs.values()].slice(-LISTED_JOBS).reverse();
    return c.json({ jobs: newest.map(summary) });
  });
  app.get("/api/jobs/:id", (c) => {
    const job = store.jobs.get(c.req.param("id"));
    if (job === undefined) return refuse(404, "unknown_job");
    const download_url = `/api/pixcapture/download/${job.job_id}`;
    return c.json({ ...summary(job), size: job.size, download_url });
  });
  app.get("/api/pixcapture/download/:id", (c) => {
    const job = store.jobs.get(c.req.param("id"));
    if (job === undefined) return refuse(404, "unknown_job");
    return new Response(job.object, { headers: { "content-type": job.contentType } });
  });
  app.all("*", echo);
  return app;
}

export function emptyStore(): LegacyStore {
  return { intents: new Map(), jobs: new Map() };
}

async function createIntent(c: Context, store: LegacyStore): Promise<Response> {
  const body = intentSchema.safeParse(await json(c));
  if (!body.success) return refuse(400, "invalid_request");
  const id = randomUUID();
  const { filename, content_type: contentType } = body.data;
  keep(store.intents, id, { filename, contentType, object: null, jobId: null });
  const expires_at = new Date(Date.now() + INTENT_LIFE_MS).toISOString();
  return c.json({ intent_id: id, upload_url: `${UPLOAD}/${id}?backend=legacy`, expires_at }, 201);
}

async function upload(c: Context, store: LegacyStore): Promise<Response> {
  const body = await c.req.arrayBuffer();
  const intent = store.intents.get(c.req.param("intent") ?? "");
  if (intent === undefined) return refuse(404, "unknown_intent");
  intent.object = new Uint8Array(body);
  return new Response(null, { status: 204 });
}

async function finalize(c: Context, store: LegacyStore): Promise<Response> {
  const body = finalizeSchema.safeParse(await json(c));
  if (!body.success) return refuse(400, "invalid_request");
  const intent = store.intents.get(body.data.intent_id);
  if (intent === undefined) return refuse(404, "unknown_intent");
  if (intent.object === null) return refuse(409, "not_uploaded");
  if (intent.jobId !== null) return c.json({ job_id: intent.jobId, status: "done" }, 200);
  const job_id = randomUUID();
  intent.jobId = job_id;
  keep(store.jobs, job_id, {
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

function refuse(status: 400 | 404 | 409, error: string): Response {
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
