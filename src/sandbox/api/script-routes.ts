/** The Worker as wrangler deploys it: uploads, versions, deployments, triggers. */
import type { Hono } from "hono";
import * as z from "zod";
import { type ApiContext, type ApiDeps, type ApiEnv, refuse } from "./access.ts";
import type { AccountWorker } from "./account-worker.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { json } from "./json-body.ts";
import type { Scope } from "./permissions.ts";
import { type Read, readUpload } from "./upload.ts";

const SERVICE = "/accounts/:account/workers/services/:script";
export const SCRIPT = "/accounts/:account/workers/scripts/:script";

const schedulesSchema = z.array(z.object({ cron: z.string() }));

export type ScriptDeps = Pick<
  ApiDeps,
  "accountId" | "worker" | "namespaces" | "r2" | "boundNamespaceId"
>;

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

export function scriptRoutes(api: Hono<ApiEnv>, deps: ScriptDeps): void {
  uploadRoutes(api, deps);
  triggerRoutes(api, deps);
  unknownRoutes(api);
}

function uploadRoutes(api: Hono<ApiEnv>, deps: ScriptDeps): void {
  const { worker } = deps;
  api.get(SERVICE, (c) => refuseScript(c, deps, "scripts:read") ?? ok(serviceOf(worker)));
  api.put(SCRIPT, async (c) => {
    const name = c.req.param("script") ?? "";
    const read = await uploadOf(c, deps, name);
    if (read instanceof Response) return read;
    try {
      const { id } = await worker.addAndDeploy(name, read.upload, read.secrets);
      return ok({ id: name, etag: id, deployment_id: id, startup_time_ms: 1 });
    } catch (error) {
      return noStart(error);
    }
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
export async function uploadOf(
  c: ApiContext,
  deps: ScriptDeps,
  name: string,
): Promise<Read | Response> {
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

/** Why it does not run. */
export function noStart(error: unknown): Response {
  const message = `the Worker does not start: ${error instanceof Error ? error.message : error}`;
  return failure(400, CODES.invalidScript, message);
}

function triggerRoutes(api: Hono<ApiEnv>, deps: ScriptDeps): void {
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
  api.all("/accounts/:account/workers/subdomain", none("workers.dev: set workers_dev to false"));
  api.all("/accounts/:account/workers/domains/*", none("custom domains"));
  api.all("/accounts/:account/hyperdrive/*", none("Hyperdrive: any id reaches its database"));
}
