/** The secrets of the Worker: set here, named here, and never told. */
import type { Hono } from "hono";
import * as z from "zod";
import type { ApiDeps, ApiEnv } from "./access.ts";
import { NewestNotDeployed } from "./account-worker.ts";
import { CODES, failure, ok } from "./envelope.ts";
import { json } from "./json-body.ts";
import { noStart, refuseScript } from "./script-routes.ts";

const SCRIPT = "/accounts/:account/workers/scripts/:script";
const BASE = `${SCRIPT}/secrets`;

const secretSchema = z.object({
  name: z.string().regex(/^[A-Za-z_$][\w$]{0,254}$/),
  text: z.string().max(5_120),
  type: z.literal("secret_text"),
});
const bulkSchema = z.object({ secrets: z.record(z.string(), secretSchema.nullable()) });

export function secretRoutes(api: Hono<ApiEnv>, deps: Pick<ApiDeps, "accountId" | "worker">): void {
  const { worker } = deps;
  const shown = (name: string) => ({ name, type: "secret_text" });
  const invalid = () => failure(400, CODES.invalidSecret, "the secret is not valid");

  const set = async (changes: Record<string, string | null>): Promise<Response | null> => {
    try {
      await worker.setSecrets(changes);
      return null;
    } catch (error) {
      if (!(error instanceof NewestNotDeployed)) return noStart(error);
      const message = "Secret edit failed: the latest version of your Worker isn't deployed.";
      return failure(400, CODES.newestNotDeployed, message);
    }
  };

  api.get(BASE, (c) => {
    const refused = refuseScript(c, deps, "scripts:read");
    return refused ?? ok([...worker.secrets.keys()].map(shown));
  });
  api.put(BASE, async (c) => {
    const refused = refuseScript(c, deps, "scripts:write");
    if (refused !== null) return refused;
    const parsed = secretSchema.safeParse(await json(c));
    if (!parsed.success) return invalid();
    const { name, text } = parsed.data;
    return (await set({ [name]: text })) ?? ok(shown(name));
  });
  api.delete(`${BASE}/:name`, async (c) => {
    const refused = refuseScript(c, deps, "scripts:write");
    if (refused !== null) return refused;
    return (await set({ [c.req.param("name") ?? ""]: null })) ?? ok(null);
  });
  api.patch(`${SCRIPT}/secrets-bulk`, async (c) => {
    const refused = refuseScript(c, deps, "scripts:write");
    if (refused !== null) return refused;
    const parsed = bulkSchema.safeParse(await json(c));
    if (!parsed.success) return invalid();
    const entries = Object.entries(parsed.data.secrets);
    const failed = await set(
      Object.fromEntries(entries.map(([name, secret]) => [name, secret?.text ?? null])),
    );
    return failed ?? ok([...worker.secrets.keys()].map(shown));
  });
}
