/**
 * Stand in for PagerDuty, Slack, a webhook of one's own and the mail service, on one port of loopback;
 * they keep what arrived and can be late, refuse or fall silent.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { manyWaiters, pause, untilAborted } from "../pause.ts";
import { type Judged, judge, type Secrets } from "./judge.ts";
import { type OpenIncident, PagerDuty } from "./pagerduty.ts";

export const NOTICE_CHANNELS = ["pagerduty", "slack", "webhook", "email"] as const;
export type NoticeChannel = (typeof NOTICE_CHANNELS)[number];

/** How a receiver behaves. */
export interface ReceiverSettings {
  /** Before it looks at what came. */
  delayMs: number;
  /** Answered in place of its own judgement, and nothing is done; null: as it should. */
  status: number | null;
  /** Takes what comes and never answers. */
  drop: boolean;
}

export interface ArrivedNotice {
  atMs: number;
  channel: NoticeChannel;
  /** As answered; null while it is not, or never. */
  status: number | null;
  /** As JSON, without the routing key; text that is no JSON as it is. */
  body: unknown;
}

export interface NoticesState {
  arrived: ArrivedNotice[];
  pagerduty: { pages: number; open: OpenIncident[] };
  settings: Record<NoticeChannel, ReceiverSettings>;
}

export interface MailAnswer {
  status: number;
  /** Of the binding's error; null when it was taken. */
  code: string | null;
}

const WELL: ReceiverSettings = { delayMs: 0, status: null, drop: false };
const KEPT = 10_000;
/** PagerDuty's own limit; the others' are not lower. */
const MAX_BODY_BYTES = 512 * 1024;

export class NoticeReceivers {
  readonly secrets: Secrets = {
    routingKey: randomBytes(16).toString("hex"),
    slackPath: `/services/T0SANDBOX/B0SANDBOX/${randomBytes(12).toString("hex")}`,
    webhookToken: randomBytes(24).toString("base64url"),
  };
  readonly #pagerDuty = new PagerDuty(this.secrets.routingKey);
  readonly #stop = new AbortController();
  readonly #server: Server;
  #arrived: ArrivedNotice[] = [];
  #settings = healthy();
  #url = "";

  constructor() {
    manyWaiters(this.#stop.signal);
    this.#server = createServer((request, response) => {
      // A sender that hangs up half-way has sent nothing.
      this.#serve(request, response).catch(() => response.destroy());
    });
    // Clients keep their connections; one that is closed under a request would be a failure of ours.
    this.#server.keepAliveTimeout = 0;
  }

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this.#url;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  get urls(): Record<Exclude<NoticeChannel, "email">, string> {
    return {
      pagerduty: `${this.#url}/v2/enqueue`,
      slack: `${this.#url}${this.secrets.slackPath}`,
      webhook: `${this.#url}/webhook`,
    };
  }

  state(): NoticesState {
    const { pages } = this.#pagerDuty;
    return {
      arrived: this.#arrived.map((notice) => ({ ...notice })),
      pagerduty: { pages, open: this.#pagerDuty.incidents() },
      settings: structuredClone(this.#settings),
    };
  }

  /** Of one channel, or of all. */
  set(settings: Partial<ReceiverSettings>, channel?: NoticeChannel): void {
    for (const one of channel === undefined ? NOTICE_CHANNELS : [channel]) {
      this.#settings[one] = { ...this.#settings[one], ...settings };
    }
  }

  heal(): void {
    this.#settings = healthy();
  }

  /** Begins anew, with no incident open. */
  forget(): void {
    this.#arrived = [];
    this.#pagerDuty.forget();
  }

  /** What the Worker's e-mail binding does. */
  async mail(message: unknown): Promise<MailAnswer> {
    const judged = await this.#take("email", message, () => judge.email(message));
    if (judged === null) {
      await untilAborted(this.#stop.signal);
      return { status: 503, code: "E_INTERNAL_SERVER_ERROR" };
    }
    const failed = judged.status >= 300;
    const code = judged.code ?? (judged.status >= 500 ? "E_INTERNAL_SERVER_ERROR" : "E_REFUSED");
    return { status: judged.status, code: failed ? code : null };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await bodyOf(request);
    if (text === null) return void response.writeHead(413).end();
    const judged = await this.#receive(request, parsed(text));
    if (judged === null) return;
    response.writeHead(judged.status, { "content-type": "text/plain" }).end(judged.body);
  }

  async #receive(request: IncomingMessage, body: unknown): Promise<Judged | null> {
    const { routingKey, slackPath, webhookToken } = this.secrets;
    const path = request.method === "POST" ? (request.url ?? "") : "";
    if (path === "/v2/enqueue") {
      const shown = withoutKey(body, routingKey);
      return this.#take("pagerduty", shown, () =>
        judge.pagerduty(this.#pagerDuty.enqueue(body, Date.now())),
      );
    }
    if (path.startsWith("/services/")) {
      return this.#take("slack", body, () => judge.slack(body, path === slackPath));
    }
    if (path === "/webhook") {
      const authorised = request.headers.authorization === `Bearer ${webhookToken}`;
      return this.#take("webhook", body, () => judge.webhook(body, authorised));
    }
    return { status: 404, body: "no such receiver", code: null };
  }

  /** Null: there is to be no answer. */
  async #take(
    channel: NoticeChannel,
    body: unknown,
    judgeIt: () => Judged,
  ): Promise<Judged | null> {
    const notice: ArrivedNotice = { atMs: Date.now(), channel, status: null, body };
    this.#arrived.push(notice);
    if (this.#arrived.length > KEPT) this.#arrived.shift();
    const { delayMs, status, drop } = this.#settings[channel];
    if (drop) return null;
    await pause(delayMs, this.#stop.signal);
    const judged = status === null ? judgeIt() : { status, body: "", code: null };
    notice.status = judged.status;
    return judged;
  }
}

function healthy(): Record<NoticeChannel, ReceiverSettings> {
  return { pagerduty: { ...WELL }, slack: { ...WELL }, webhook: { ...WELL }, email: { ...WELL } };
}

function withoutKey(body: unknown, routingKey: string): unknown {
  const fields = Object.entries(Object(body) as object);
  const hidden = fields.map(([name, value]) => [name, value === routingKey ? "***" : value]);
  return typeof body === "object" ? Object.fromEntries(hidden) : body;
}

/** Null when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size > MAX_BODY_BYTES) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
