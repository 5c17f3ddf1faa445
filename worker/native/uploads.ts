/** Phase b1a: intent → upload → finalize. */
import type { NativeContext } from "./context.ts";
import { errorResponse, lastSegment } from "./context.ts";
import type { Database, Row } from "./database.ts";
import { withDatabase } from "./database.ts";
import { readJsonBody } from "./json-body.ts";
import { mediaKey, withMedia } from "./media.ts";
import type { Stored } from "./store-upload.ts";
import { storeUpload } from "./store-upload.ts";

const MAX_UPLOAD_BYTES = 5 * 1024 ** 3;
const MAX_TEXT_CHARS = 255;
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the point
const PLAIN_TEXT = /^[^\u0000-\u001f\u007f]+$/;

/**
 * The database is connected to before the body is read: while it is down, the request is still
 * whole and the visitor can be served by the origin.
 */
export function createIntent(context: NativeContext): Promise<Response> {
  return withDatabase(context, async (database) => {
    const body = await readJsonBody(context.request);
    if (!body.ok) return errorResponse(body.status, body.error);
    const { filename, content_type: contentType, size } = body.fields;
    if (!isPlainText(filename) || !isPlainText(contentType) || !isSize(size)) {
      return errorResponse(400, "bad_fields");
    }
    const intentId = crypto.randomUUID();
    const upload = await context.urls.sign("upload", intentId, context.now());
    await database.query(
      "INSERT INTO intents (intent_id, filename, content_type, size, owner) " +
        "VALUES ($1, $2, $3, $4, $5)",
      [intentId, filename, contentType, size, context.user],
    );
    context.count("intent");
    return Response.json(
      {
        intent_id: intentId,
        upload_url: upload.path,
        expires_at: new Date(upload.expiresAtMs).toISOString(),
      },
      { status: 201 },
    );
  });
}

/**
 * Streams into R2; the body is touched only when signature, intent, length and type are good. The first
 * upload that arrives whole is the intent's object, for good: another one is refused.
 */
export async function upload(context: NativeContext): Promise<Response> {
  const intentId = lastSegment(context.url);
  if (!(await context.urls.verify("upload", intentId, context.url, context.now()))) {
    return errorResponse(403, "bad_signature");
  }
  const intent = await withDatabase(context, (database) => findIntent(database, intentId));
  if (intent?.owner !== context.user) return errorResponse(404, "unknown_intent");
  if (intent.jobId !== null) return errorResponse(409, "already_uploaded");
  const { size, contentType } = intent;
  const { body, headers } = context.request;
  const length = headers.get("content-length");
  if (body === null || (length !== null && Number(length) !== size)) {
    return errorResponse(400, "size_mismatch");
  }
  const type = headers.get("content-type");
  if (type !== null && mediaType(type) !== mediaType(contentType)) {
    return errorResponse(415, "content_type_mismatch");
  }
  return uploadAnswer(
    await storeUpload(context, body, { key: mediaKey(intentId), size, contentType }),
  );
}

function uploadAnswer(stored: Stored): Response {
  switch (stored) {
    case "stored":
      return new Response(null, { status: 204 });
    case "exists":
      return errorResponse(409, "already_uploaded");
    case "busy":
      return errorResponse(409, "upload_under_way");
    case "size_mismatch":
      return errorResponse(400, "size_mismatch");
    default:
      return stored satisfies never;
  }
}

/** Without parameters: `text/plain;charset=utf-8` is `text/plain`. */
function mediaType(text: string): string {
  return (text.split(";", 1)[0] ?? "").trim().toLowerCase();
}

/** Answers a repetition with the same job, also when two arrive at once. */
export function finalize(context: NativeContext): Promise<Response> {
  return withDatabase(context, async (database) => {
    const body = await readJsonBody(context.request);
    if (!body.ok) return errorResponse(body.status, body.error);
    const { intent_id: intentId } = body.fields;
    if (!isPlainText(intentId)) return errorResponse(400, "bad_fields");
    const intent = await findIntent(database, intentId);
    if (intent === null) {
      context.count("drift");
      return errorResponse(404, "unknown_intent");
    }
    if (intent.owner !== context.user) return errorResponse(404, "unknown_intent");
    if (intent.jobId !== null) return jobResponse(200, intent.jobId);
    const object = await withMedia(context, (media) => media.head(mediaKey(intentId)));
    if (object === null || object.size !== intent.size) return errorResponse(409, "not_uploaded");
    return createJob(context, database, { intentId, ageMs: intent.ageMs });
  });
}

async function createJob(
  context: NativeContext,
  database: Database,
  { intentId, ageMs }: { intentId: string; ageMs: number },
): Promise<Response> {
  const inserted = await database.query(
    "INSERT INTO jobs (job_id, intent_id, status) VALUES ($1, $2, 'done') " +
      "ON CONFLICT (intent_id) DO NOTHING RETURNING job_id",
    [crypto.randomUUID(), intentId],
  );
  const jobId = inserted[0]?.job_id;
  if (typeof jobId === "string") {
    context.count("finalize", { durationMs: ageMs });
    return jobResponse(201, jobId);
  }
  const existing = (await findIntent(database, intentId))?.jobId ?? null;
  if (existing === null) throw new Error("a job was neither inserted nor found");
  return jobResponse(200, existing);
}

interface Intent {
  owner: string;
  contentType: string;
  size: number;
  jobId: string | null;
  /** By the database's clock alone, so that no other one can be ahead of it. */
  ageMs: number;
}

/**
 * `clock_timestamp()` is volatile, which keeps Hyperdrive from answering out of its cache: an intent
 * made a moment ago must be found, here and in jobs.ts.
 */
async function findIntent(database: Database, intentId: string): Promise<Intent | null> {
  const rows = await database.query(
    "SELECT i.owner, i.content_type, i.size, j.job_id, " +
      "EXTRACT(EPOCH FROM clock_timestamp() - i.created_at) * 1000 AS age_ms " +
      "FROM intents i LEFT JOIN jobs j USING (intent_id) " +
      "WHERE i.intent_id = $1 AND i.created_at <= clock_timestamp()",
    [intentId],
  );
  const row: Row | undefined = rows[0];
  if (row === undefined) return null;
  return {
    owner: String(row.owner),
    contentType: String(row.content_type),
    size: Number(row.size),
    jobId: typeof row.job_id === "string" ? row.job_id : null,
    ageMs: Math.max(0, Math.round(Number(row.age_ms))),
  };
}

function jobResponse(status: 200 | 201, jobId: string): Response {
  return Response.json({ job_id: jobId, status: "done" }, { status });
}

function isPlainText(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TEXT_CHARS && PLAIN_TEXT.test(value);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= MAX_UPLOAD_BYTES;
}
