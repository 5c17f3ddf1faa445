/** Phase b1b: the list of jobs, one job, and its download. */
import { parseRange } from "./byte-range.ts";
import type { NativeContext } from "./context.ts";
import { errorResponse, lastSegment } from "./context.ts";
import type { Row } from "./database.ts";
import { withDatabase } from "./database.ts";
import { mediaKey, withMedia } from "./media.ts";

const JOBS =
  "SELECT j.job_id, j.intent_id, j.status, j.created_at, i.filename, i.content_type, i.size " +
  "FROM jobs j JOIN intents i USING (intent_id) " +
  "WHERE j.created_at <= clock_timestamp() AND i.owner = $1";

export async function listJobs(context: NativeContext): Promise<Response> {
  const rows = await withDatabase(context, (database) =>
    database.query(`${JOBS} ORDER BY j.created_at DESC, j.job_id DESC LIMIT 50`, [context.user]),
  );
  return Response.json({ jobs: rows.map(summaryOf) });
}

export async function showJob(context: NativeContext): Promise<Response> {
  const jobId = lastSegment(context.url);
  const row = await findJob(context, jobId);
  if (row === null) return errorResponse(404, "unknown_job");
  const download = await context.urls.sign("download", jobId, context.now());
  return Response.json({ ...summaryOf(row), size: Number(row.size), download_url: download.path });
}

/** Streams from R2; one byte range is honoured. Served as an attachment: the content is a visitor's. */
export async function download(context: NativeContext): Promise<Response> {
  const jobId = lastSegment(context.url);
  if (!(await context.urls.verify("download", jobId, context.url, context.now()))) {
    return errorResponse(403, "bad_signature");
  }
  const row = await findJob(context, jobId);
  if (row === null) return errorResponse(404, "unknown_job");
  const key = mediaKey(String(row.intent_id));
  const found = await withMedia(context, (media) => media.head(key));
  if (found === null) return errorResponse(404, "unknown_object");

  const range = wantedRange(context.request, found);
  const headers = downloadHeaders(row, found);
  if (range === "unsatisfiable") {
    headers.set("Content-Range", `bytes */${found.size}`);
    return new Response(null, { status: 416, headers });
  }
  const length = range?.length ?? found.size;
  headers.set("Content-Length", String(length));
  if (range !== null) {
    const last = range.offset + length - 1;
    headers.set("Content-Range", `bytes ${range.offset}-${last}/${found.size}`);
  }
  const status = range === null ? 200 : 206;
  if (context.request.method === "HEAD") return new Response(null, { status, headers });
  const object = await withMedia(context, (media) =>
    media.get(key, range === null ? {} : { range }),
  );
  if (object === null) return errorResponse(404, "unknown_object");
  return new Response(object.body, { status, headers });
}

function wantedRange(request: Request, found: R2Object): ReturnType<typeof parseRange> {
  const ifRange = request.headers.get("if-range");
  if (ifRange !== null && ifRange !== found.httpEtag) return null;
  return parseRange(request.headers.get("range"), found.size);
}

function downloadHeaders(row: Row, found: R2Object): Headers {
  const filename = encodeURIComponent(String(row.filename)).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return new Headers({
    "Accept-Ranges": "bytes",
    "Content-Disposition": `attachment; filename*=UTF-8''${filename}`,
    "Content-Type": found.httpMetadata?.contentType ?? "application/octet-stream",
    ETag: found.httpEtag,
    "X-Content-Type-Options": "nosniff",
  });
}

async function findJob(context: NativeContext, jobId: string): Promise<Row | null> {
  const rows = await withDatabase(context, (database) =>
    database.query(`${JOBS} AND j.job_id = $2`, [context.user, jobId]),
  );
  return rows[0] ?? null;
}

function summaryOf(row: Row): Record<string, unknown> {
  return {
    job_id: row.job_id,
    filename: row.filename,
    status: row.status,
    created_at: row.created_at instanceof Date ? row.created_at.toISOString() : row.created_at,
  };
}
