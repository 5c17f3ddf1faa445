/** What the locations run: a Worker as it is uploaded, with its secrets. */
import * as z from "zod";

const name = z.string().min(1).max(255);
const simple = z.object({ limit: z.number(), period: z.union([z.literal(10), z.literal(60)]) });

/** Bindings as an upload names them: those that mean something in the sandbox. */
export const bindingSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("plain_text"), name, text: z.string() }),
  z.object({ type: z.literal("json"), name, json: z.json() }),
  z.object({ type: z.literal("secret_text"), name, text: z.string() }),
  z.object({ type: z.literal("kv_namespace"), name, namespace_id: z.string() }),
  z.object({ type: z.literal("r2_bucket"), name, bucket_name: z.string() }),
  /** Whatever its id: it is the sandbox's database. */
  z.object({ type: z.literal("hyperdrive"), name, id: z.string() }),
  z.object({ type: z.literal("ratelimit"), name, namespace_id: z.string(), simple }),
  /** The app's session check, whatever Worker answers it at Cloudflare. */
  z.object({ type: z.literal("service"), name: z.literal("SESSIONS"), service: z.string() }),
  z.object({
    type: z.literal("analytics_engine"),
    name: z.literal("METRICS"),
    dataset: z.string(),
  }),
  z.object({ type: z.literal("send_email"), name: z.literal("NOTIFY_EMAIL") }),
  z.object({ type: z.literal("version_metadata"), name }),
  /** Of a class that the upload itself exports: one object of each name for all locations. */
  z.object({ type: z.literal("durable_object_namespace"), name, class_name: z.string() }),
]);

export type Binding = z.output<typeof bindingSchema>;

export interface WorkerUpload {
  /** The main module first; all are ES modules. */
  modules: readonly { path: string; contents: string }[];
  compatibilityDate: string;
  compatibilityFlags: readonly string[];
  bindings: readonly Binding[];
  /** Names of the entrypoints that Workers Cache stands before. */
  cached: readonly string[];
}

export interface RunningWorker extends WorkerUpload {
  versionId: string;
  /** They count before a var of the same name. */
  secrets: Readonly<Record<string, string>>;
}

/** What all locations run: the versions of one deployment. */
export interface RunningDeployment {
  /** Of the Worker, by which a version is asked for. */
  name: string;
  /** False: no route leads to it, and its visitors reach the legacy origin directly. */
  isRouted: boolean;
  /** None, one or two; the one with most visitors first. It runs the cron, too. */
  split: readonly { worker: RunningWorker; percentage: number }[];
}

/** Where nothing has been deployed. */
export const NO_WORKER: RunningWorker = {
  modules: [
    {
      path: "none.js",
      contents: `export default { fetch: () => new Response("no Worker is deployed here yet\\n", { status: 404 }) };`,
    },
  ],
  compatibilityDate: "2026-07-01",
  compatibilityFlags: [],
  bindings: [],
  cached: [],
  versionId: "none",
  secrets: {},
};
