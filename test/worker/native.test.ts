import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createUrlSigner } from "../../worker/native/url-signer.ts";
import type { FetchInit, WorkerUnderTest } from "./harness.ts";
import { startWorker } from "./harness.ts";

let worker: WorkerUnderTest;
let cookie: string;
beforeAll(async () => {
  worker = await startWorker({ config: { canary_percent: 100 }, database: true, points: true });
  cookie = await worker.cookie("native");
});
afterEach(() => {
  worker.points.clear();
});
afterAll(() => worker.dispose());

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function call(path: string, init: FetchInit = {}): Promise<Answer> {
  const answer = await worker.fetch(path, { ...init, headers: { cookie, ...init.headers } });
  const text = await answer.text();
  return { status: answer.status, body: text === "" ? {} : (JSON.parse(text) as Answer["body"]) };
}

const post = (path: string, body: unknown): Promise<Answer> =>
  call(path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });

const INTENT = "/api/pixcapture/upload/intent";
const FINALIZE = "/api/pixcapture/upload/finalize";
const PHOTO = { filename: "küche (1).jpg", content_type: "image/jpeg", size: 10 };

async function uploaded(): Promise<{ intentId: string; jobId: string }> {
  const intent = await post(INTENT, PHOTO);
  expect(intent.status).toBe(201);
  const put = await call(String(intent.body.upload_url), { method: "PUT", body: "0123456789" });
  expect(put.status).toBe(204);
  const job = await post(FINALIZE, { intent_id: intent.body.intent_id });
  expect(job.status).toBe(201);
  return { intentId: String(intent.body.intent_id), jobId: String(job.body.job_id) };
}

describe("native upload flow on Postgres and R2", () => {
  test("intent → upload → finalize → job → download, and nothing reaches the origin", async () => {
    const { intentId, jobId } = await uploaded();
    const again = await post(FINALIZE, { intent_id: intentId });
    expect(again).toEqual({ status: 200, body: { job_id: jobId, status: "done" } });

    const job = await call(`/api/jobs/${jobId}`);
    expect(job.body).toMatchObject({
      job_id: jobId,
      filename: PHOTO.filename,
      status: "done",
      size: 10,
    });
    const list = await call("/api/jobs");
    expect(list.body.jobs).toContainEqual({
      job_id: jobId,
      filename: PHOTO.filename,
      status: "done",
      created_at: job.body.created_at,
    });

    const file = await worker.fetch(String(job.body.download_url), { headers: { cookie } });
    expect(await file.text()).toBe("0123456789");
    expect(file.headers.get("content-disposition")).toBe(
      "attachment; filename*=UTF-8''k%C3%BCche%20%281%29.jpg",
    );
    expect(worker.origin.requests).toEqual([]);
    const kinds = (await worker.points.take(2, (point) => point.kind !== "request")).map(
      (point) => point.kind,
    );
    expect(kinds).toEqual(["intent", "finalize"]);
  });

  test("two finalizes at once make one job", async () => {
    const intent = await post(INTENT, PHOTO);
    await call(String(intent.body.upload_url), { method: "PUT", body: "0123456789" });
    const body = { intent_id: intent.body.intent_id };
    const [one, two] = await Promise.all([post(FINALIZE, body), post(FINALIZE, body)]);
    expect(one.body.job_id).toBe(two.body.job_id);
    expect([one.status, two.status].sort()).toEqual([200, 201]);
  });

  test("a finalize without its intent is 404 and counts as drift", async () => {
    expect(await post(FINALIZE, { intent_id: "from-the-other-side" })).toEqual({
      status: 404,
      body: { error: "unknown_intent" },
    });
    const [point] = await worker.points.take(1, (each) => each.kind === "drift");
    expect(point).toMatchObject({ cohort: "native", route: FINALIZE, phase: "b1a" });
  });

  test("a finalize before the upload is 409", async () => {
    const intent = await post(INTENT, PHOTO);
    expect(await post(FINALIZE, { intent_id: intent.body.intent_id })).toEqual({
      status: 409,
      body: { error: "not_uploaded" },
    });
  });

  test("an upload of unknown length must have the length of its intent", async () => {
    const intent = await post(INTENT, PHOTO);
    const stream = (text: string): FetchInit => ({
      method: "PUT",
      body: new Blob([text]).stream(),
      duplex: "half",
    });
    const put = await call(String(intent.body.upload_url), stream("0123456789"));
    expect(put.status).toBe(204);
    const short = await call(String(intent.body.upload_url), stream("01"));
    expect(short).toEqual({ status: 400, body: { error: "size_mismatch" } });
  });

  test.each([
    ["not JSON", "{", "bad_json"],
    ["an array", [], "bad_json"],
    ["no filename", { content_type: "a/b", size: 1 }, "bad_fields"],
    ["a size that is no number", { ...PHOTO, size: "1" }, "bad_fields"],
    ["a negative size", { ...PHOTO, size: -1 }, "bad_fields"],
    ["control characters", { ...PHOTO, content_type: "a/b\r\nX: y" }, "bad_fields"],
  ])("an intent with %s is 400", async (_name, body, error) => {
    expect(await post(INTENT, body)).toEqual({ status: 400, body: { error } });
  });
});

describe("signed URLs", () => {
  test("another id, another purpose, a changed expiry, none at all: 403", async () => {
    const intent = await post(INTENT, PHOTO);
    const url = String(intent.body.upload_url);
    const id = String(intent.body.intent_id);
    const { jobId } = await uploaded();
    for (const bad of [
      url.replace(id, "other"),
      url.replace(/exp=\d+/, (text) => `${text}0`),
      url.replace(/exp=\d+/, "exp=1"),
      url.replace(/sig=.*/, ""),
      `/api/pixcapture/upload/${id}`,
    ]) {
      expect((await call(bad, { method: "PUT", body: "0" })).status).toBe(403);
    }
    const forUpload = url.slice(url.indexOf("?"));
    expect((await call(`/api/pixcapture/download/${jobId}${forUpload}`)).status).toBe(403);
    expect((await call(`/api/pixcapture/download/${id}${forUpload}`)).status).toBe(403);
  });
});

test("a signed URL ends with its 15 minutes", async () => {
  const nowMs = 1_760_000_000_000;
  const urls = createUrlSigner("a-signing-key-of-the-tests-that-is-long-enough");
  const { path, expiresAtMs } = await urls.sign("upload", "id", nowMs);
  expect(expiresAtMs).toBe(nowMs + 900_000);
  const url = new URL(path, "https://api.example");
  expect(await urls.verify("upload", "id", url, expiresAtMs - 1)).toBe(true);
  expect(await urls.verify("upload", "id", url, expiresAtMs)).toBe(false);
  const secondSpelling = new URL(`${url.href}=`);
  expect(await urls.verify("upload", "id", secondSpelling, nowMs)).toBe(false);
});

describe("download ranges", () => {
  let url: string;
  beforeAll(async () => {
    const { jobId } = await uploaded();
    url = String((await call(`/api/jobs/${jobId}`)).body.download_url);
  });

  test.each([
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=8-", 206, "89", "bytes 8-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=5-999", 206, "56789", "bytes 5-9/10"],
    ["bytes=10-", 416, "", "bytes */10"],
    ["bytes=4-2", 200, "0123456789", null],
    ["bytes=0-1,3-4", 200, "0123456789", null],
  ])("%s answers %i", async (range, status, text, contentRange) => {
    const answer = await worker.fetch(url, { headers: { cookie, range } });
    expect([answer.status, await answer.text()]).toEqual([status, text]);
    expect(answer.headers.get("content-range")).toBe(contentRange);
  });

  test("HEAD has the headers of GET and no body", async () => {
    const answer = await worker.fetch(url, { method: "HEAD", headers: { cookie } });
    expect([answer.status, answer.headers.get("content-length"), await answer.text()]).toEqual([
      200,
      "10",
      "",
    ]);
  });
});
