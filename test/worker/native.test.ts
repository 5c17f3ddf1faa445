import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createUrlSigner } from "../../worker/native/url-signer.ts";
import type { FetchInit, WorkerUnderTest } from "./harness.ts";
import { session, startWorker } from "./harness.ts";

let worker: WorkerUnderTest;
let cookie: string;
beforeAll(async () => {
  worker = await startWorker({ config: { canary_percent: 100 }, database: true, points: true });
  cookie = `${await worker.cookie("native")}; ${session("anna")}`;
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

const put = (url: unknown, body: FetchInit["body"], type = PHOTO.content_type): Promise<Answer> => {
  const stream = body instanceof ReadableStream ? { duplex: "half" as const } : {};
  const init = { method: "PUT", headers: { "content-type": type }, ...stream };
  return call(String(url), { ...init, body: body ?? null });
};
const stream = (text: string): ReadableStream => new Blob([text]).stream();

async function uploaded(): Promise<{ intentId: string; jobId: string }> {
  const intent = await post(INTENT, PHOTO);
  expect(intent.status).toBe(201);
  expect((await put(intent.body.upload_url, "0123456789")).status).toBe(204);
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
    await put(intent.body.upload_url, "0123456789");
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

  test.each([
    ["shorter", "012345678", 400, "size_mismatch"],
    ["longer", "0123456789+", 400, "size_mismatch"],
    ["empty", "", 400, "size_mismatch"],
    ["much longer", "x".repeat(5_000_000), 400, "size_mismatch"],
  ])("a body that is %s than its intent is refused, with a length and without", async (...row) => {
    const [, text, status, error] = row;
    const intent = await post(INTENT, PHOTO);
    for (const body of [text, stream(text)]) {
      expect(await put(intent.body.upload_url, body)).toEqual({ status, body: { error } });
    }
    expect((await post(FINALIZE, { intent_id: intent.body.intent_id })).status).toBe(409);
    expect((await put(intent.body.upload_url, stream("0123456789"))).status).toBe(204);
    expect(await put(intent.body.upload_url, "9876543210")).toEqual({
      status: 409,
      body: { error: "already_uploaded" },
    });
    expect(worker.points.all().filter(({ kind }) => kind === "r2_failure")).toEqual([]);
  });

  test("what comes after all the bytes of the intent, and later, is too much as well", async () => {
    const intent = await post(INTENT, PHOTO);
    const pieces = ["0123456789", "+"].map((text) => new TextEncoder().encode(text));
    const late = new ReadableStream({
      async pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) return controller.close();
        controller.enqueue(piece);
        // A turn of the whole way to the Worker and back.
        await call("/api/jobs");
      },
    });
    expect(await put(intent.body.upload_url, late)).toEqual({
      status: 400,
      body: { error: "size_mismatch" },
    });
    expect((await post(FINALIZE, { intent_id: intent.body.intent_id })).status).toBe(409);
  });

  test("a type other than the intent's is refused, parameters and case aside", async () => {
    const intent = await post(INTENT, { ...PHOTO, content_type: "text/plain;charset=utf-8" });
    expect(await put(intent.body.upload_url, "0123456789", "text/html")).toEqual({
      status: 415,
      body: { error: "content_type_mismatch" },
    });
    expect((await put(intent.body.upload_url, "0123456789", "Text/Plain")).status).toBe(204);
  });

  test("of many uploads at once one is the object, and what is finalized never changes", async () => {
    const intent = await post(INTENT, PHOTO);
    const url = intent.body.upload_url;
    const body = { intent_id: intent.body.intent_id };
    const digits = [..."01234567"];
    const answers = await Promise.all([
      ...digits.map((digit) => put(url, digit.repeat(10))),
      ...digits.map((digit) => put(url, stream(digit.repeat(10)))),
      ...digits.map(() => post(FINALIZE, body)),
    ]);
    const taken = answers.slice(0, 16).filter(({ status }) => status === 204);
    expect(taken).toHaveLength(1);
    expect(new Set(answers.slice(0, 16).map(({ status }) => status))).toEqual(new Set([204, 409]));
    const job = await post(FINALIZE, body);
    const url2 = (await call(`/api/jobs/${job.body.job_id}`)).body.download_url;
    const read = async () => (await worker.fetch(String(url2), { headers: { cookie } })).text();
    const first = await read();
    expect((await put(url, "9876543210")).status).toBe(409);
    expect((await put(url, stream("9876543210"))).status).toBe(409);
    expect(await read()).toBe(first);
  });

  test.each([
    ["not JSON", "{", "bad_json"],
    ["an array", [], "bad_json"],
    ["no filename", { content_type: "a/b", size: 1 }, "bad_fields"],
    ["a size that is no number", { ...PHOTO, size: "1" }, "bad_fields"],
    ["a negative size", { ...PHOTO, size: -1 }, "bad_fields"],
    ["nothing to upload", { ...PHOTO, size: 0 }, "bad_fields"],
    ["control characters", { ...PHOTO, content_type: "a/b\r\nX: y" }, "bad_fields"],
  ])("an intent with %s is 400", async (_name, body, error) => {
    expect(await post(INTENT, body)).toEqual({ status: 400, body: { error } });
  });
});

describe("sessions", () => {
  const asked = (path: string, init: FetchInit = {}) => worker.fetch(path, init);

  test("without one every native route is 401, private, and untouched", async () => {
    const { jobId } = await uploaded();
    const intent = await post(INTENT, PHOTO);
    const file = (await call(`/api/jobs/${jobId}`)).body.download_url;
    const json = JSON.stringify({ intent_id: intent.body.intent_id });
    const visitor = { cookie: await worker.cookie("native") };
    const routes: [string, FetchInit][] = [
      [INTENT, { method: "POST", body: JSON.stringify(PHOTO) }],
      [String(intent.body.upload_url), { method: "PUT", body: "0123456789" }],
      [FINALIZE, { method: "POST", body: json }],
      [String(file), {}],
      ["/api/jobs", {}],
      [`/api/jobs/${jobId}`, {}],
    ];
    for (const [path, init] of routes) {
      const answer = await asked(path, { ...init, headers: visitor });
      expect([path, answer.status, await answer.json()]).toEqual([
        path,
        401,
        { error: "no_session" },
      ]);
      expect(answer.headers.get("cache-control")).toBe("private, no-store");
    }
  });

  test("what is another's is not there", async () => {
    const { jobId, intentId } = await uploaded();
    const open = await post(INTENT, PHOTO);
    const file = String((await call(`/api/jobs/${jobId}`)).body.download_url);
    const bob = { cookie: `${await worker.cookie("native")}; ${session("bob")}` };
    const list = (await (await asked("/api/jobs", { headers: bob })).json()) as { jobs: unknown[] };
    expect(list.jobs).toEqual([]);
    const tries: [string, FetchInit][] = [
      [`/api/jobs/${jobId}`, {}],
      [file, {}],
      [file, { headers: { range: "bytes=0-1" } }],
      [
        String(open.body.upload_url),
        { method: "PUT", body: "0123456789", headers: { "content-type": PHOTO.content_type } },
      ],
      [FINALIZE, { method: "POST", body: JSON.stringify({ intent_id: intentId }) }],
    ];
    for (const [path, init] of tries) {
      const answer = await asked(path, { ...init, headers: { ...init.headers, ...bob } });
      expect([path, answer.status]).toEqual([path, 404]);
      await answer.text();
    }
    expect(worker.points.all().filter(({ kind }) => kind === "drift")).toEqual([]);
    expect((await put(open.body.upload_url, "0123456789")).status).toBe(204);
  });

  const shown = async (status: number) => {
    const headers = { cookie: `${await worker.cookie("native")}; ${session(`answers${status}`)}` };
    const answer = await asked("/api/jobs", { headers });
    worker.origin.requests.length = 0;
    const [point] = await worker.points.take(1);
    return [answer.status, answer.headers.get("x-pix-decision"), point?.status];
  };

  test.each([400, 401, 413, 422, 431])(
    "a session check that answers %i to what a visitor sent: nobody is logged in, and native is well",
    async (status) => expect(await shown(status)).toEqual([401, "native (cookie)", 401]),
  );

  test.each([204, 302, 403, 404, 408, 429, 500, 503])(
    "a session check that answers %i cannot tell who is asking: proxy answers, native's error is counted",
    async (status) =>
      expect(await shown(status)).toEqual([200, "native (cookie; fell back to proxy)", 500]),
  );

  test("every answer is private, refusals and parts of media as well", async () => {
    const { jobId } = await uploaded();
    const file = String((await call(`/api/jobs/${jobId}`)).body.download_url);
    const paths = ["/api/jobs", `/api/jobs/${jobId}`, "/api/jobs/none", file, `${file}0`];
    for (const path of paths) {
      for (const range of ["", "bytes=0-1", "bytes=99-"]) {
        const answer = await asked(path, { headers: { cookie, range } });
        await answer.arrayBuffer();
        expect([path, answer.headers.get("cache-control")]).toEqual([path, "private, no-store"]);
      }
    }
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
