/** A Worker as `wrangler deploy` uploads it: a form with metadata and modules. */
import * as z from "zod";
import { bindingSchema, type WorkerUpload } from "../edge/worker.ts";
import type { ApiDeps } from "./access.ts";
import type { Annotations } from "./account-worker.ts";
import { CODES } from "./envelope.ts";

const cacheSchema = z.looseObject({ enabled: z.boolean() }).optional();

const metadataSchema = z.object({
  /** Of ES modules. */
  main_module: z.string().optional(),
  compatibility_date: z.iso.date().default("2026-07-01"),
  compatibility_flags: z.array(z.string()).default([]),
  /** Workers Cache, for all entrypoints but those that say otherwise. */
  cache_options: cacheSchema,
  exports: z
    .record(z.string(), z.looseObject({ type: z.string(), cache: cacheSchema }))
    .default({}),
  bindings: z.array(z.looseObject({ type: z.string(), name: z.string() })).default([]),
  annotations: z
    .object({ "workers/message": z.string().optional(), "workers/tag": z.string().optional() })
    .default({}),
});

const MODULE_TYPE = "application/javascript+module";
const SOURCE_MAP = "application/source-map";

export interface Refusal {
  code: number;
  message: string;
}

export interface Read {
  upload: WorkerUpload;
  /** Those that came with it. */
  secrets: Record<string, string>;
  /** By which people find it again. */
  annotations: Annotations;
}

export async function readUpload(
  form: FormData,
  deps: Pick<ApiDeps, "namespaces" | "r2" | "boundNamespaceId">,
): Promise<Read | Refusal> {
  const metadata = metadataSchema.safeParse(await metadataOf(form));
  if (!metadata.success)
    return refusal(`the metadata is not valid: ${z.prettifyError(metadata.error)}`);
  const { main_module: main, bindings: given, annotations, ...dates } = metadata.data;
  const modules = await modulesOf(form, main);
  if ("code" in modules) return modules;
  const bindings = [];
  for (const one of given) {
    const parsed = bindingSchema.safeParse(one);
    if (!parsed.success) {
      return refusal(
        `the sandbox cannot bind ${one.name} (${one.type}): it takes those of worker/wrangler.jsonc`,
      );
    }
    const missing = missingOf(parsed.data, deps);
    if (missing !== null) return missing;
    bindings.push(parsed.data);
  }
  const secrets = bindings.flatMap((one) =>
    one.type === "secret_text" ? [[one.name, one.text] as const] : [],
  );
  return {
    upload: {
      modules,
      compatibilityDate: dates.compatibility_date,
      compatibilityFlags: dates.compatibility_flags,
      bindings: bindings.filter(({ type }) => type !== "secret_text"),
      cached: cachedBy(metadata.data),
    },
    secrets: Object.fromEntries(secrets),
    annotations: {
      message: annotations["workers/message"],
      tag: annotations["workers/tag"],
      triggeredBy: "upload",
    },
  };
}

/** The default one is not asked through it: the sandbox's visitors come past Workers Cache. */
function cachedBy({ cache_options, exports }: z.output<typeof metadataSchema>): string[] {
  return Object.entries(exports)
    .filter(([name, { type }]) => name !== "default" && type === "worker")
    .filter(([, { cache }]) => (cache ?? cache_options)?.enabled === true)
    .map(([name]) => name);
}

function refusal(message: string): Refusal {
  return { code: CODES.invalidScript, message };
}

async function metadataOf(form: FormData): Promise<unknown> {
  const part = form.get("metadata");
  try {
    return JSON.parse(typeof part === "string" ? part : ((await part?.text()) ?? ""));
  } catch {
    return undefined;
  }
}

/** The main one first. */
async function modulesOf(
  form: FormData,
  main: string | undefined,
): Promise<WorkerUpload["modules"] | Refusal> {
  if (main === undefined) return refusal("the sandbox runs ES modules only: export a default");
  const modules = [];
  for (const [path, part] of form) {
    if (typeof part === "string" || path === "metadata" || part.type === SOURCE_MAP) continue;
    if (part.type !== MODULE_TYPE)
      return refusal(`the sandbox runs ES modules only, not ${path} (${part.type})`);
    modules.push({ path, contents: await part.text() });
  }
  if (!modules.some(({ path }) => path === main)) return refusal(`No such module "${main}".`);
  return modules.sort((a, b) => Number(b.path === main) - Number(a.path === main));
}

/** What it is to be bound to has to be there, as at Cloudflare. */
function missingOf(
  binding: z.output<typeof bindingSchema>,
  { namespaces, r2, boundNamespaceId }: Pick<ApiDeps, "namespaces" | "r2" | "boundNamespaceId">,
): Refusal | null {
  if (binding.type === "r2_bucket" && !r2.names.has(binding.bucket_name)) {
    const message = `R2 bucket '${binding.bucket_name}' not found. Please use a different name and try again.`;
    return { code: CODES.noBoundBucket, message };
  }
  if (binding.type !== "kv_namespace") return null;
  const { namespace_id: id } = binding;
  if (namespaces.find(id) === null) {
    return { code: CODES.noBoundNamespace, message: `KV namespace '${id}' not found.` };
  }
  if (id === boundNamespaceId) return null;
  return refusal(
    `the locations of the sandbox have copies of its first KV namespace only: ${boundNamespaceId}`,
  );
}
