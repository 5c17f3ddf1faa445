/** A visitor with a cookie jar and a home location. */
import { type Dispatcher, request } from "undici";
import { DECISION_HEADER, parseCanaryHeader } from "../../domain/decision/headers.ts";
import type { Random } from "../random.ts";
import type { Answer, FlowTrace, Tally } from "./report.ts";

export interface VisitorOptions {
  /** The URLs of the locations. */
  urls: readonly string[];
  dispatcher: Dispatcher;
  /** Of one request with its answer. */
  limitMs: number;
  tally: Tally;
  random: Random;
  /** To another location with each request. */
  roams: boolean;
  /** Of somebody who is logged in: sent always, also by who keeps no cookies. */
  session: string;
  keepsCookies: boolean;
  uploadBytes: number;
  /** 0 … 1 of upload flows end after their intent. */
  abandon: number;
  /** Waits between two steps of a flow. */
  think: () => Promise<void>;
}

interface Reply {
  answer: Answer;
  body: unknown;
}

const UPLOAD = "/api/pixcapture/upload";
const PHOTO = "image/jpeg";

export class Visitor {
  readonly #options: VisitorOptions;
  readonly #home: string;
  readonly #cookies = new Map<string, string>();
  actions = 0;

  constructor(options: VisitorOptions) {
    this.#options = options;
    this.#home = this.#anywhere();
  }

  async otherRequest(): Promise<void> {
    this.actions += 1;
    await this.#send("GET", "/api/gallery/latest");
  }

  async lookAtJobs(): Promise<void> {
    this.actions += 1;
    await this.#send("GET", "/api/jobs");
  }

  /** Intent, upload, finalize; ends at the first step that fails, or after the intent on purpose. */
  async uploadFlow(): Promise<FlowTrace> {
    this.actions += 1;
    this.#options.tally.flowStarted();
    const trace: FlowTrace = { ok: false, abandoned: false, steps: [] };
    trace.ok = await this.#uploadSteps(trace);
    this.#options.tally.flowEnded(trace);
    return trace;
  }

  async #uploadSteps(trace: FlowTrace): Promise<boolean> {
    const { uploadBytes, think, abandon, random } = this.#options;
    const bytes = Buffer.alloc(uploadBytes, 7);
    const wanted = { filename: "photo.jpg", content_type: PHOTO, size: uploadBytes };
    const intent = await this.#step(trace, "intent", "POST", `${UPLOAD}/intent`, wanted);
    const intentId = textField(intent.body, "intent_id");
    const uploadUrl = textField(intent.body, "upload_url");
    if (intent.answer.status !== 201 || intentId === null || uploadUrl === null) return false;
    // No draw unless asked for: it would change what a seed does.
    trace.abandoned = abandon > 0 && random.next() < abandon;
    if (trace.abandoned) return false;
    await think();
    const upload = await this.#step(trace, "upload", "PUT", uploadUrl, bytes);
    if (upload.answer.status !== 204) return false;
    await think();
    const named = { intent_id: intentId };
    const done = await this.#step(trace, "finalize", "POST", `${UPLOAD}/finalize`, named);
    return done.answer.status === 201;
  }

  async #step(
    trace: FlowTrace,
    name: string,
    method: "POST" | "PUT",
    path: string,
    body: object,
  ): Promise<Reply> {
    const reply = await this.#send(method, path, body);
    trace.steps.push({ name, answer: reply.answer });
    return reply;
  }

  async #send(method: "GET" | "POST" | "PUT", path: string, body?: object): Promise<Reply> {
    const { dispatcher, limitMs, roams, tally } = this.#options;
    const startedAt = performance.now();
    const raw = Buffer.isBuffer(body);
    const headers: Record<string, string> = { cookie: this.#cookieHeader() };
    if (body !== undefined) headers["content-type"] = raw ? PHOTO : "application/json";
    try {
      const response = await request(new URL(path, roams ? this.#anywhere() : this.#home), {
        method,
        headers,
        dispatcher,
        signal: AbortSignal.timeout(limitMs),
        body: body === undefined ? null : raw ? body : JSON.stringify(body),
      });
      const text = await response.body.text();
      this.#keepCookies(response.headers["set-cookie"]);
      const answer = {
        decision: parseCanaryHeader(single(response.headers["x-pix-canary"])),
        fellBack:
          single(response.headers[DECISION_HEADER.toLowerCase()])?.includes("fell back") ?? false,
        status: response.statusCode,
        elapsedMs: performance.now() - startedAt,
      };
      tally.request(answer);
      return { answer, body: parseJson(text) };
    } catch {
      const elapsedMs = performance.now() - startedAt;
      const answer = { decision: null, fellBack: false, status: 0, elapsedMs };
      tally.request(answer);
      return { answer, body: undefined };
    }
  }

  /** `Secure` is not looked at: the sandbox has no TLS. */
  #keepCookies(header: string | string[] | undefined): void {
    if (!this.#options.keepsCookies || header === undefined) return;
    for (const cookie of Array.isArray(header) ? header : [header]) {
      const [pair = "", ...attributes] = cookie.split(";");
      const equals = pair.indexOf("=");
      if (equals < 1) continue;
      const name = pair.slice(0, equals).trim();
      const gone = attributes.some((attribute) => /^\s*max-age=0\s*$/i.test(attribute));
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, pair.slice(equals + 1).trim());
    }
  }

  #cookieHeader(): string {
    const kept = [...this.#cookies].map(([name, value]) => `${name}=${value}`);
    return [this.#options.session, ...kept].join("; ");
  }

  #anywhere(): string {
    const { urls, random } = this.#options;
    return urls[Math.floor(random.next() * urls.length)] ?? "";
  }
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textField(body: unknown, name: string): string | null {
  if (typeof body !== "object" || body === null || !Object.hasOwn(body, name)) return null;
  const value: unknown = Reflect.get(body, name);
  return typeof value === "string" ? value : null;
}
