/** One upload from intent to download, by one visitor: by the command line, or in the browser of who looks at the dashboard. */
import type { Cohort } from "../decision/decide.ts";
import type { Verdict } from "../policy/verdict.ts";
import { counted } from "../text/format.ts";
import type { Visit, Visitor } from "./visit.ts";

/** In the order of the page. */
export const SMOKE_CHECKS = [
  "API URL",
  "CORS",
  "credentials",
  "signed URLs",
  "downloads",
  "Worker canary config",
] as const;
export type SmokeName = (typeof SMOKE_CHECKS)[number];

export interface Judged {
  verdict: Verdict;
  detail: string;
  /** All that keeps it from a pass: of a small share, chance draws nobody to this cohort. */
  unmet?: Cohort;
}

export const pass = (detail: string): Judged => ({ verdict: "pass", detail });
export const fail = (detail: string): Judged => ({ verdict: "fail", detail });
export const inconclusive = (detail: string): Judged => ({ verdict: "inconclusive", detail });
export const noData = (detail: string): Judged => ({ verdict: "no_data", detail });

export const SMOKE_FILE = "pixcanary-smoke.txt";
const UPLOAD = "/api/pixcapture/upload";
const TEXT = "text/plain";

/** A job may take a moment in another system than ours. */
const JOB_LOOKS = 5;
const JOB_DELAY_MS = 300;

export interface Flow {
  visitor: Visitor;
  /** Rejects when there is no time left. */
  sleep(ms: number): Promise<void>;
  /** In [0, 1). */
  random(): number;
  /** What a 401 means, and what to do about it. */
  notLoggedIn: string;
  /** What is uploaded: ASCII, different in each run. */
  content: string;
  wantsNative: boolean;
}

/** The API answers at its address, with a decision. */
async function checkApi({ visitor, wantsNative }: Flow): Promise<Judged> {
  const visit = await visitor.go("GET", "/api/jobs");
  if (visit.decision === null) {
    return fail(`HTTP ${visit.status} without the decision header: is this the canary Worker?`);
  }
  const { cohort, reason } = visit.decision;
  if (visit.status >= 500) return fail(`GET /api/jobs answered HTTP ${visit.status} (${cohort})`);
  if (wantsNative && cohort !== "native") {
    return inconclusive(`decided ${cohort} (${reason}): native is not reachable here now`);
  }
  const fallback = visit.fellBack ? "; native failed, and proxy answered" : "";
  return pass(`HTTP ${visit.status}, decided ${cohort} (${reason})${fallback}`);
}

interface Uploaded extends Judged {
  /** For `finalize`; null unless the upload was accepted. */
  intentId: string | null;
}

/** The upload address of an intent takes the file; one that was altered is refused. */
async function checkSignedUrls(flow: Flow): Promise<Uploaded> {
  const { visitor, content } = flow;
  const nothing = (judged: Judged): Uploaded => ({ ...settled(flow, judged), intentId: null });
  const fields = { filename: SMOKE_FILE, content_type: TEXT, size: content.length };
  const intent = await visitor.go("POST", `${UPLOAD}/intent`, json(fields));
  const intentId = textField(intent, "intent_id");
  const address = urlField(intent, "upload_url");
  if (intent.status === 401) return nothing(inconclusive(`HTTP 401: ${flow.notLoggedIn}`));
  if (intent.status !== 201 && intent.status !== 200)
    return nothing(fail(refused("intent", intent)));
  if (intent.fellBack) return nothing(fail("intent: native failed, and proxy answered"));
  if (intentId === null || address === null) {
    return nothing(fail("intent: no intent_id or upload_url in the answer"));
  }
  const file = { type: TEXT, content };
  const other = altered(address);
  const altering = await visitor.go("PUT", other.address, file);
  if (!isRefusal(altering)) return nothing(fail(`${other.what}: HTTP ${altering.status}`));
  const upload = await visitor.go("PUT", address, file);
  if (!isSuccess(upload)) return nothing(fail(refused("upload", upload)));
  return {
    ...settled(flow, pass(`uploaded ${counted(content.length, "byte")}; ${other.what}: refused`)),
    intentId,
  };
}

/** What was uploaded comes back as it was; an altered address is refused. */
async function checkDownloads(flow: Flow, intentId: string): Promise<Judged> {
  const { visitor, content } = flow;
  const done = await visitor.go("POST", `${UPLOAD}/finalize`, json({ intent_id: intentId }));
  const jobId = textField(done, "job_id");
  if (!isSuccess(done)) return settled(flow, fail(refused("finalize", done)));
  if (jobId === null) return settled(flow, fail("finalize: no job_id in the answer"));
  const job = await finishedJob(flow, jobId);
  if ("verdict" in job) return settled(flow, job);
  const download = await visitor.go("GET", job.address);
  if (download.status !== 200) return settled(flow, fail(refused("download", download)));
  if (!sameBytes(download.body, content)) {
    return settled(flow, fail("the downloaded bytes differ from the uploaded ones"));
  }
  const other = altered(job.address);
  const altering = await visitor.go("GET", other.address);
  if (!isRefusal(altering)) return settled(flow, fail(`${other.what}: HTTP ${altering.status}`));
  return settled(
    flow,
    pass(`downloaded the same ${counted(content.length, "byte")}; ${other.what}: refused`),
  );
}

async function finishedJob(flow: Flow, jobId: string): Promise<Judged | { address: string }> {
  const { visitor } = flow;
  for (let look = 1; ; look += 1) {
    const job = await visitor.go("GET", `/api/jobs/${encodeURIComponent(jobId)}`);
    if (job.status !== 200) return fail(refused("job", job));
    const address = urlField(job, "download_url");
    if (address !== null) return { address };
    if (look >= JOB_LOOKS) return fail("the job has no download_url");
    await flow.sleep(JOB_DELAY_MS * look * (0.75 + flow.random() / 2));
  }
}

/** An upload whose visitor was moved on the way says nothing about either cohort. */
function settled({ visitor }: Flow, judged: Judged): Judged {
  const cohorts = visitor.cohorts();
  if (judged.verdict === "pass" || cohorts.length < 2) return judged;
  return inconclusive(
    `the visitor's cohort changed from ${cohorts.join(" to ")} during the check; try again`,
  );
}

/**
 * The address with another signature; without one in it (an origin may not sign), with another id.
 * Either must be refused.
 */
export function altered(address: string): { address: string; what: string } {
  // Relative addresses keep being relative: the base is for parsing alone.
  const base = "http://relative.invalid";
  const url = new URL(address, base);
  const name = [...url.searchParams.keys()].find((key) => /sig/i.test(key));
  if (name === undefined) {
    const parts = url.pathname.split("/");
    parts.push(otherText(parts.pop() ?? ""));
    url.pathname = parts.join("/");
  } else {
    url.searchParams.set(name, otherText(url.searchParams.get(name) ?? ""));
  }
  const what = name === undefined ? "unsigned, an altered id" : "an altered signature";
  return { address: url.origin === base ? url.href.slice(base.length) : url.href, what };
}

/** Another first character, also for who reads hexadecimal digits without regard to case. */
function otherText(text: string): string {
  const first = text.charAt(0).toLowerCase();
  return `${first === "a" ? "b" : "a"}${text.slice(1)}`;
}

function refused(step: string, visit: Visit): string {
  const fallback = visit.fellBack ? " (native failed, and proxy answered)" : "";
  const error = textField(visit, "error");
  const word = error !== null && /^[a-z_]{1,40}$/.test(error) ? ` ${error}` : "";
  return `${step} answered HTTP ${visit.status}${word}${fallback}`;
}

function isSuccess({ status }: Visit): boolean {
  return status >= 200 && status < 300;
}

function isRefusal({ status }: Visit): boolean {
  return status >= 400 && status < 500 && status !== 429;
}

function sameBytes(body: Uint8Array, content: string): boolean {
  return new TextDecoder("latin1").decode(body) === content;
}

function json(fields: Record<string, unknown>): { type: string; content: string } {
  return { type: "application/json", content: JSON.stringify(fields) };
}

function textField({ json: body }: Visit, name: string): string | null {
  if (typeof body !== "object" || body === null || !Object.hasOwn(body, name)) return null;
  const value: unknown = Reflect.get(body, name);
  return typeof value === "string" && value.length <= 2_000 ? value : null;
}

function urlField(visit: Visit, name: string): string | null {
  const value = textField(visit, name);
  return value !== null && URL.canParse(value, "http://relative.invalid") ? value : null;
}

/**
 * The three checks of an upload, one after the other. One that hangs on another is not held against what it would
 * have looked at. `judge` makes one, and says so.
 */
export async function checkUpload<Made extends Judged>(
  flow: Flow,
  judge: (name: SmokeName, work: () => Promise<Judged>) => Promise<Made>,
): Promise<[api: Made, signed: Made, downloads: Made]> {
  const skip = (name: SmokeName, because: SmokeName): Promise<Made> =>
    judge(name, async () => noData(`skipped: ${because} did not pass`));
  const api = await judge("API URL", () => checkApi(flow));
  if (api.verdict !== "pass") {
    return [api, await skip("signed URLs", "API URL"), await skip("downloads", "API URL")];
  }
  let intentId: string | null = null;
  const signed = await judge("signed URLs", async () => {
    const uploaded = await checkSignedUrls(flow);
    intentId = uploaded.intentId;
    return { verdict: uploaded.verdict, detail: uploaded.detail };
  });
  const uploadedId: string | null = intentId;
  if (uploadedId === null) return [api, signed, await skip("downloads", "signed URLs")];
  return [api, signed, await judge("downloads", () => checkDownloads(flow, uploadedId))];
}
