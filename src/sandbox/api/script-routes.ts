/** The Worker as wrangler deploys it: uploads, versions, deployments, triggers. */
import type { Hono } from "hono";
import * as z from "zod";
import { type ApiContext, type ApiDeps, type ApiEnv, refuse } from "./access.ts";
import type { AccountWorker, Version } from "./account-worker.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { json } from "./json-body.ts";
import type { Scope } from "./permissions.ts";
import { type Read, readUpload } from "./upload.ts";

const SERVICE = "/accounts/:account/workers/services/:script";
const SCRIPT = "/accounts/:account/workers/scripts/:script";

const deploymentSchema = z.object({
  versions: z.tuple([z.object({ version_id: z.string(), percentage: z.literal(100) })]),
});
const schedulesSchema = z.array(z.object({ cron: z.string() }));

type Deps = Pick<ApiDeps, "accountId" | "worker" | "namespaces" | "r2" | "boundNamespaceId">;

/** Null when the account has a Worker of the name in the path, and the token may do this. */
export function refuseScript(
  c: ApiContext,
  deps: Pick<ApiDeps, "accountId" | "worker">,
  scope: Scope,
): Response | null {
  const refused = refuse(c, deps, scope);
  if (refused !== null) return refused;
  return c.req.param("script") === deps.worker.name ? null : noSuchWorker();
}

function noSuchWorker(): Response {
  return failure(404, CODES.scriptNotFound, "This Worker does not exist on your account.");
}

export function scriptRoutes(api: Hono<ApiEnv>, deps: Deps): void {
  uploadRoutes(api, deps);
  versionRoutes(api, deps);
  triggerRoutes(api, deps);
  unknownRoutes(api);
}

function uploadRoutes(api: Hono<ApiEnv>, deps: Deps): void {
  const { worker } = deps;
  api.get(SERVICE, (c) => refuseScript(c, deps, "scripts:read") ?? ok(serviceOf(worker)));
  api.put(SCRIPT, async (c) => {
    const name = c.req.param("script") ?? "";
    const read = await uploadOf(c, deps, name);
    if (read instanceof Response) return read;
    const version = worker.add(name, read.upload);
    const failed = await deployed(worker, version, read.secrets);
    return (
      failed ?? ok({ id: name, etag: version.id, deployment_id: version.id, startup_time_ms: 1 })
    );
  });
}

function serviceOf({ name, deployed: version }: AccountWorker): object {
  const script = {
    id: name,
    tag: name,
    tags: [],
    etag: version?.id,
    last_deployed_from: "wrangler",
  };
  return { id: name, default_environment: { environment: "production", script } };
}

/** The upload, or why there is none. */
async function uploadOf(c: ApiContext, deps: Deps, name: string): Promise<Read | Response> {
  const refused = refuse(c, deps, "scripts:write");
  if (refused !== null) return refused;
  const { worker } = deps;
  if (worker.name !== null && worker.name !== name) {
    const message = `the sandbox runs one Worker, and has ${worker.name} already`;
    return failure(400, CODES.invalidScript, message);
  }
  const form = await c.req.formData().catch(() => null);
  if (form === null) return failure(400, CODES.badRequest, "the body is no form");
  const read = await readUpload(form, deps);
  return "code" in read ? failure(400, read.code, read.message) : read;
}

async function deployed(
  worker: AccountWorker,
  version: Version,
  secrets: Record<string, string> = {},
): Promise<Response | null> {
  try {
    await worker.deploy(version, secrets);
    return null;
  } catch (error) {
    const message = `the Worker does not start: ${error instanceof Error ? error.message : error}`;
    return failure(400, CODES.invalidScript, message);
  }
}

function versionRoutes(api: Hono<ApiEnv>, deps: Deps): void {
  const { worker } = deps;
  api.post(`${SCRIPT}/versions`, async (c) => {
    const missing = refuseScript(c, deps, "scripts:write");
    if (missing !== null) return missing;
    const read = await uploadOf(c, deps, worker.name ?? "");
    if (read instanceof Response) return read;
    for (const [name, text] of Object.entries(read.secrets)) worker.secrets.set(name, text);
    return ok(shown(worker.add(worker.name ?? "", read.upload)));
  });
  api.get(`${SCRIPT}/versions/:version`, (c) => {
    const version = worker.version(c.req.param("version") ?? "");
    const refused = refuseScript(c, deps, "scripts:read");
    return refused ?? (version === null ? noSuchVersion() : ok(shown(version)));
  });
  api.get(`${SCRIPT}/deployments`, (c) => {
    const { deployed: version } = worker;
    const refused = refuseScript(c, deps, "scripts:read");
    return refused ?? ok({ deployments: version === null ? [] : [deploymentOf(version)] });
  });
  api.post(`${SCRIPT}/deployments`, async (c) => {
    const refused = refuseScript(c, deps, "scripts:write");
    if (refused !== null) return refused;
    const parsed = deploymentSchema.safeParse(await json(c));
    if (!parsed.success) {
      return failure(400, CODES.badRequest, "the sandbox deploys one version to 100 %");
    }
    const version = worker.version(parsed.data.versions[0].version_id);
    if (version === null) return noSuchVersion();
    return (await deployed(worker, version)) ?? ok(deploymentOf(version));
  });
}

function noSuchVersion(): Response {
  return failure(404, CODES.scriptNotFound, "The version does not exist.");
}

const BY = { source: "wrangler", author_email: "oncall@sandbox.invalid" };

function shown({ id, number, createdAt, upload }: Version): object {
  return {
    id,
    number,
    startup_time_ms: 1,
    metadata: { ...BY, created_on: createdAt.toISOString() },
    resources: {
      bindings: upload.bindings,
      script: { etag: id, handlers: ["fetch", "scheduled"] },
    },
  };
}

function deploymentOf({ id, createdAt }: Version): object {
  const versions = [{ version_id: id, percentage: 100 }];
  return { ...BY, id, strategy: "percentage", created_on: createdAt.toISOString(), versions };
}

function triggerRoutes(api: Hono<ApiEnv>, deps: Deps): void {
  const { worker } = deps;
  const subdomain = { enabled: false, previews_enabled: false };
  api.get(`${SCRIPT}/subdomain`, (c) => refuseScript(c, deps, "scripts:read") ?? ok(subdomain));
  api.post(`${SCRIPT}/subdomain`, (c) => refuseScript(c, deps, "scripts:write") ?? ok(subdomain));
  api.get(
    `${SCRIPT}/schedules`,
    (c) =>
      refuseScript(c, deps, "scripts:read") ??
      ok({ schedules: worker.crons.map((cron) => ({ cron })) }),
  );
  api.put(`${SCRIPT}/schedules`, async (c) => {
    const refused = refuseScript(c, deps, "scripts:write");
    if (refused !== null) return refused;
    const parsed = schedulesSchema.safeParse(await json(c));
    if (!parsed.success) return failure(400, CODES.badRequest, "the schedules are not valid");
    worker.crons = parsed.data.map(({ cron }) => cron);
    return ok({ schedules: parsed.data });
  });
  // Tags, observability, Logpush: nothing here depends on them.
  api.patch(`${SCRIPT}/script-settings`, (c) => refuseScript(c, deps, "scripts:write") ?? ok({}));
}

/** What a deployment may ask for and the sandbox does not have: its locations have addresses of their own. */
function unknownRoutes(api: Hono<ApiEnv>): void {
  const none = (what: string) => () => failure(400, CODES.badRequest, `the sandbox has no ${what}`);
  api.all("/zones", none("zones: leave out route and routes, its locations have addresses"));
  api.all("/accounts/:account/workers/subdomain", none("workers.dev: set workers_dev to false"));
  api.all("/accounts/:account/workers/domains/*", none("custom domains"));
  api.all("/accounts/:account/hyperdrive/*", none("Hyperdrive: any id reaches its database"));
}
