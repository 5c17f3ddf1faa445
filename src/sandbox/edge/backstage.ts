/**
 * How Node reaches into the runtime: the buckets, and the Workers' cron triggers, through a small Worker
 * with an address of its own. Miniflare's own proxies for bindings stop this whole process while they
 * wait for the runtime, which in turn may be waiting for this process.
 */
import type { WorkerOptions } from "miniflare";
import { Agent, request } from "undici";
import * as z from "zod";
import { HELPER_DATE } from "./scripts.ts";

const objectSchema = z.object({
  key: z.string(),
  etag: z.string(),
  httpEtag: z.string(),
  size: z.number(),
  uploaded: z.coerce.date(),
  httpMetadata: z.record(z.string(), z.unknown()).default({}),
  customMetadata: z.record(z.string(), z.string()).default({}),
});
const listSchema = z.object({
  objects: z.array(objectSchema),
  truncated: z.boolean(),
  cursor: z.string().optional(),
  delimitedPrefixes: z.array(z.string()).default([]),
});

/** As R2 describes it; `httpEtag` is in quotes. */
type StoredObject = z.output<typeof objectSchema>;
type ObjectList = z.output<typeof listSchema>;

interface ListOptions {
  limit?: number;
  prefix?: string;
  cursor?: string;
  startAfter?: string;
  delimiter?: string;
}

/** A bucket of the running sandbox, with R2's own semantics. All reject when the runtime is gone. */
export interface Bucket {
  put(
    key: string,
    body: string | Uint8Array,
    metadata?: { contentType: string },
  ): Promise<StoredObject>;
  get(key: string): Promise<{ object: StoredObject; body: Buffer } | null>;
  list(options?: ListOptions): Promise<ObjectList>;
  delete(keys: readonly string[]): Promise<void>;
}

export const BACKSTAGE = "backstage";

const LIMIT_MS = 30_000;
/** Percent-encoded JSON: a key may hold anything. */
const CALL_HEADER = "x-sandbox-call";
const OBJECT_HEADER = "x-sandbox-object";

const SCRIPT = `
const HANDLERS = {
  async put(env, { bucket, key, contentType }, body) {
    const httpMetadata = contentType === undefined ? {} : { contentType };
    return Response.json(described(await env[bucket].put(key, body, { httpMetadata })));
  },
  async get(env, { bucket, key }) {
    const object = await env[bucket].get(key);
    if (object === null) return new Response(null, { status: 404 });
    const about = encodeURIComponent(JSON.stringify(described(object)));
    return new Response(object.body, { headers: { "${OBJECT_HEADER}": about } });
  },
  async list(env, { bucket, options }) {
    const { objects, ...page } = await env[bucket].list(options);
    return Response.json({ ...page, objects: objects.map(described) });
  },
  async delete(env, { bucket }, body) {
    await env[bucket].delete(JSON.parse(new TextDecoder().decode(body)));
    return Response.json({});
  },
  async scheduled(env, { worker, scheduledTime }) {
    await env[worker].scheduled(scheduledTime === undefined ? {} : { scheduledTime: new Date(scheduledTime) });
    return Response.json({});
  },
};
function described({ key, etag, httpEtag, size, uploaded, httpMetadata, customMetadata }) {
  return { key, etag, httpEtag, size, uploaded, httpMetadata, customMetadata };
}
export default {
  async fetch(request, env) {
    const { operation, ...call } = JSON.parse(decodeURIComponent(request.headers.get("${CALL_HEADER}")));
    return HANDLERS[operation](env, call, await request.arrayBuffer());
  },
};`;

/** `workers` are the names of those whose `scheduled` handler may be run; each bucket is bound by its name. */
export function backstageWorker(
  workers: readonly string[],
  buckets: readonly string[],
  port: number,
): WorkerOptions {
  return {
    name: BACKSTAGE,
    modules: true,
    script: SCRIPT,
    compatibilityDate: HELPER_DATE,
    // `scheduled` of a binding.
    compatibilityFlags: ["service_binding_extra_handlers"],
    r2Buckets: [...buckets],
    serviceBindings: Object.fromEntries(workers.map((name) => [name, name])),
    unsafeDirectSockets: [{ host: "127.0.0.1", port }],
  };
}

export class Backstage {
  readonly #url: URL;
  readonly #ready: () => Promise<void>;
  /** Each call has a connection of its own: one that the runtime closes just then gets no answer. */
  readonly #agent = new Agent({ pipelining: 0 });

  /** `ready` resolves when the runtime, which may be starting anew, answers again. */
  constructor(url: URL, ready: () => Promise<void>) {
    this.#url = url;
    this.#ready = ready;
  }

  bucket(bucket: string): Bucket {
    return {
      put: async (key, body, metadata) => {
        const call = { operation: "put", bucket, key, contentType: metadata?.contentType };
        return objectSchema.parse((await this.#call(call, body)).json());
      },
      get: async (key) => {
        const { statusCode, headers, bytes } = await this.#call({ operation: "get", bucket, key });
        if (statusCode === 404) return null;
        const about = decodeURIComponent(String(headers[OBJECT_HEADER]));
        return { object: objectSchema.parse(JSON.parse(about)), body: bytes };
      },
      list: async (options = {}) =>
        listSchema.parse((await this.#call({ operation: "list", bucket, options })).json()),
      delete: async (keys) => {
        await this.#call({ operation: "delete", bucket }, JSON.stringify(keys));
      },
    };
  }

  /** Runs the `scheduled` handler of this Worker; resolves when it has ended. */
  async scheduled(worker: string, at?: Date): Promise<void> {
    await this.#call({ operation: "scheduled", worker, scheduledTime: at?.getTime() });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #call(call: object, body: string | Uint8Array = "") {
    await this.#ready().catch(() => undefined);
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(this.#url, {
      method: "POST",
      dispatcher: this.#agent,
      headers: { [CALL_HEADER]: encodeURIComponent(JSON.stringify(call)) },
      body,
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (statusCode >= 500) throw new Error(`the runtime answered ${statusCode}: ${bytes}`);
    return {
      statusCode,
      headers,
      bytes,
      json: (): unknown => JSON.parse(bytes.toString("utf8")),
    };
  }
}
