/** The Worker's versions and deployments, as `wrangler versions`, `deployments` and `rollback` use them. */
import type { Context, Hono } from "hono";
import * as z from "zod";
import type { ApiContext, ApiEnv } from "./access.ts";
import type { AccountWorker, Annotations, Deployment, Split, Version } from "./account-worker.ts";
import { DEPLOYABLE_VERSIONS } from "./account-worker.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { json } from "./json-body.ts";
import { noStart, refuseScript, SCRIPT, type ScriptDeps, uploadOf } from "./script-routes.ts";

/** Of deployments; the newest ones. */
const LISTED = 10;

const deploymentSchema = z.object({
  strategy: z.literal("percentage"),
  versions: z
    .array(z.object({ version_id: z.string(), percentage: z.number().min(0).max(100) }))
    .min(1)
    .max(2)
    .refine((list) => list.reduce((sum, { percentage }) => sum + percentage, 0) === 100),
  annotations: z.object({ "workers/message": z.string().max(1_000).optional() }).optional(),
});

export function versionRoutes(api: Hono<ApiEnv>, deps: ScriptDeps): void {
  const { worker } = deps;
  api.post(`${SCRIPT}/versions`, async (c) => {
    const missing = refuseScript(c, deps, "scripts:write");
    if (missing !== null) return missing;
    const read = await uploadOf(c, deps, worker.name ?? "");
    if (read instanceof Response) return read;
    const { upload, secrets, annotations } = read;
    return ok(shown(worker.add(worker.name ?? "", upload, { secrets, annotations })));
  });
  api.get(`${SCRIPT}/versions`, (c) => refuseScript(c, deps, "scripts:read") ?? listed(c, worker));
  api.get(`${SCRIPT}/versions/:version`, (c) => {
    const version = worker.version(c.req.param("version") ?? "");
    const refused = refuseScript(c, deps, "scripts:read");
    return refused ?? (version === null ? noSuchVersion() : ok(shown(version)));
  });
  deploymentRoutes(api, deps);
}

function deploymentRoutes(api: Hono<ApiEnv>, deps: ScriptDeps): void {
  const { worker } = deps;
  api.get(`${SCRIPT}/deployments`, (c) => {
    const refused = refuseScript(c, deps, "scripts:read");
    return refused ?? ok({ deployments: worker.deployments.slice(0, LISTED).map(deploymentOf) });
  });
  api.get(`${SCRIPT}/deployments/:deployment`, (c) => {
    const found = worker.deployments.find(({ id }) => id === c.req.param("deployment"));
    const refused = refuseScript(c, deps, "scripts:read");
    if (refused !== null) return refused;
    if (found !== undefined) return ok(deploymentOf(found));
    return failure(404, CODES.scriptNotFound, "The deployment does not exist.");
  });
  api.post(`${SCRIPT}/deployments`, async (c) => {
    const refused = refuseScript(c, deps, "scripts:write");
    return refused ?? deploy(c, worker);
  });
}

function listed(c: ApiContext, worker: AccountWorker): Response {
  const all = worker.versions;
  if (c.req.query("deployable") === "true") return ok({ items: all.map(shown) });
  const page = Math.max(1, Number(c.req.query("page") ?? 1));
  const perPage = Math.min(DEPLOYABLE_VERSIONS, Number(c.req.query("per_page") ?? 20));
  const items = all.slice((page - 1) * perPage, page * perPage).map(shown);
  const total = { total_count: all.length, total_pages: Math.ceil(all.length / perPage) };
  return ok({ items }, { page, per_page: perPage, count: items.length, ...total });
}

async function deploy(c: Context<ApiEnv>, worker: AccountWorker): Promise<Response> {
  const parsed = deploymentSchema.safeParse(await json(c));
  if (!parsed.success) {
    const message = "a deployment has one or two versions, whose percentages are 100 together";
    return failure(400, CODES.badRequest, message);
  }
  const { versions, annotations } = parsed.data;
  const split: { version: Version; percentage: number }[] = [];
  for (const { version_id: id, percentage } of versions) {
    const version = worker.version(id);
    if (version === null) return noSuchVersion();
    split.push({ version, percentage });
  }
  const refused = refusedSplit(split, worker, c.req.query("force") === "true");
  if (refused !== null) return refused;
  const message = annotations?.["workers/message"];
  try {
    return ok(deploymentOf(await worker.deploy(split, { triggeredBy: "deployment", message })));
  } catch (error) {
    return noStart(error);
  }
}

/** An old version comes with its old secrets, which wants to be said. */
function refusedSplit(split: Split, worker: AccountWorker, force: boolean): Response | null {
  const old = split.find(({ version }) => !worker.versions.includes(version));
  if (old !== undefined) {
    const message = `Version ${old.version.id} is not among the newest ${DEPLOYABLE_VERSIONS} and cannot be deployed.`;
    return failure(400, CODES.notDeployable, message);
  }
  const changed = split.flatMap(({ version }) => changedSecrets(version, worker.deployed));
  if (force || changed.length === 0) return null;
  const names = [...new Set(changed)].join(", ");
  const message = `The following secrets have changed: ${names}`;
  return failure(400, CODES.secretsChanged, message);
}

/** Since this version was made, by the one that serves now. */
function changedSecrets(version: Version, now: Version | null): string[] {
  if (now === null || version.number >= now.number) return [];
  const names = new Set([...Object.keys(version.secrets), ...Object.keys(now.secrets)]);
  return [...names].filter((name) => version.secrets[name] !== now.secrets[name]);
}

function noSuchVersion(): Response {
  return failure(404, CODES.scriptNotFound, "The version does not exist.");
}

const BY = { source: "wrangler", author_email: "oncall@sandbox.invalid" };

function shown({ id, number, createdAt, upload, secrets, annotations }: Version): object {
  const hidden = Object.keys(secrets).map((name) => ({ name, type: "secret_text" }));
  return {
    id,
    number,
    startup_time_ms: 1,
    metadata: { ...BY, created_on: createdAt.toISOString(), has_preview: false },
    annotations: annotationsOf(annotations),
    resources: {
      bindings: [...upload.bindings, ...hidden],
      script: { etag: id, handlers: ["fetch", "scheduled"], last_deployed_from: BY.source },
      script_runtime: { compatibility_date: upload.compatibilityDate, usage_model: "standard" },
    },
  };
}

function annotationsOf({ message, tag, triggeredBy }: Annotations): object {
  return {
    ...(message === undefined ? {} : { "workers/message": message }),
    ...(tag === undefined ? {} : { "workers/tag": tag }),
    "workers/triggered_by": triggeredBy,
  };
}

function deploymentOf({ id, createdAt, split, annotations }: Deployment): object {
  const versions = split.map(({ version, percentage }) => ({ version_id: version.id, percentage }));
  return {
    ...BY,
    id,
    strategy: "percentage",
    created_on: createdAt.toISOString(),
    annotations: annotationsOf(annotations),
    versions,
  };
}
