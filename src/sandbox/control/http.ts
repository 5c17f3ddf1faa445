/** The control API: JSON over HTTP on loopback. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { faultRuleSchema } from "../api/faults.ts";
import type { SandboxDescription } from "../types.ts";
import type { SandboxControl } from "./control.ts";
import { CONTROL_ENDPOINTS, faultSummary } from "./help.ts";
import {
  apiSchema,
  flowsSchema,
  kvSchema,
  logsSchema,
  metricsSchema,
  nativeSchema,
  noticesSchema,
  originSchema,
  pointsSchema,
  tokenSchema,
  trafficSchema,
} from "./schema.ts";

const faultListSchema = z.array(faultRuleSchema).max(100);

export function createControlApp(
  control: SandboxControl,
  describe: () => SandboxDescription,
): Hono {
  const app = new Hono({ strict: false });
  app.get("/", (c) => {
    const state = control.state();
    return c.json({ endpoints: CONTROL_ENDPOINTS, faults: faultSummary(), state });
  });
  app.get("/description", (c) => c.json(describe()));
  app.get("/state", (c) => c.json(control.state()));
  app.get("/requests", (c) => c.json(control.requests()));
  app.delete("/requests", (c) => {
    control.forgetRequests();
    return c.json([]);
  });
  app.post("/heal", async (c) => {
    await control.heal();
    return c.json(control.state());
  });
  app.post("/tokens", (c) =>
    withBody(c, tokenSchema, ({ kind }) => c.json({ kind, token: control.createToken(kind) }, 201)),
  );
  faultRoutes(app, control);
  setting(app, "/kv", kvSchema, control, (body) => control.setKv(body));
  setting(app, "/native", nativeSchema, control, (body) => control.setNative(body));
  setting(app, "/origin", originSchema, control, (body) => control.setOrigin(body));
  setting(app, "/metrics", metricsSchema, control, (body) => control.setMetrics(body));
  setting(app, "/api", apiSchema, control, (body) => control.setApi(body));
  app.put("/logs", (c) =>
    withBody(c, logsSchema, async (body) => {
      await control.setLogs(body);
      return c.json(control.state());
    }),
  );
  noticeRoutes(app, control);
  pointRoutes(app, control);
  trafficRoutes(app, control);
  app.notFound((c) => c.json({ error: "no such endpoint", endpoints: CONTROL_ENDPOINTS }, 404));
  app.onError((error, c) => c.json({ error: error.message }, 400));
  return app;
}

function setting<T>(
  app: Hono,
  path: string,
  schema: z.ZodType<T>,
  control: SandboxControl,
  apply: (body: T) => void,
): void {
  app.put(path, (c) =>
    withBody(c, schema, (body) => {
      apply(body);
      return c.json(control.state());
    }),
  );
}

function faultRoutes(app: Hono, control: SandboxControl): void {
  const list = (c: Context): Response => c.json(control.state().api.faults);
  app.get("/faults", list);
  app.post("/faults", (c) =>
    withBody(c, faultRuleSchema, async (rule) => c.json({ id: await control.addFault(rule) }, 201)),
  );
  app.put("/faults", (c) =>
    withBody(c, faultListSchema, async (rules) => {
      await control.setFaults(rules);
      return list(c);
    }),
  );
  app.delete("/faults", async (c) => {
    await control.clearFaults();
    return list(c);
  });
  app.delete("/faults/:id{[0-9]+}", async (c) => {
    const removed = await control.removeFault(Number(c.req.param("id")));
    return removed ? list(c) : c.json({ error: "no such fault" }, 404);
  });
}

function noticeRoutes(app: Hono, control: SandboxControl): void {
  app.get("/notices", (c) => c.json(control.notices()));
  app.put("/notices", (c) =>
    withBody(c, noticesSchema, (body) => {
      control.setNotices(body);
      return c.json(control.notices());
    }),
  );
  app.delete("/notices", (c) => {
    control.forgetNotices();
    return c.json(control.notices());
  });
}

function pointRoutes(app: Hono, control: SandboxControl): void {
  app.get("/points", (c) => c.json(control.points()));
  app.post("/points", (c) =>
    withBody(c, pointsSchema, (points) => {
      control.addPoints(points);
      return c.json({ added: points.length }, 201);
    }),
  );
  app.delete("/points", async (c) => {
    await control.forgetPoints();
    return c.json([]);
  });
}

function trafficRoutes(app: Hono, control: SandboxControl): void {
  app.get("/traffic", (c) => c.json(control.trafficReport()));
  app.put("/traffic", (c) =>
    withBody(c, trafficSchema, async (plan) => {
      await control.startTraffic(plan);
      return c.json(control.trafficReport());
    }),
  );
  app.delete("/traffic", async (c) => c.json(await control.stopTraffic()));
  app.post("/flows", (c) =>
    withBody(c, flowsSchema, async (plan) =>
      c.json(await control.runUploadFlows(plan, c.req.raw.signal)),
    ),
  );
}

export interface ControlServer {
  url: string;
  close(): Promise<void>;
}

export async function serveControl(app: Hono): Promise<ControlServer> {
  const listener = getRequestListener((request) => guard(request) ?? app.fetch(request));
  const server = createServer(
    (incoming: IncomingMessage, outgoing: ServerResponse) => void listener(incoming, outgoing),
  );
  // Clients keep their connections; one that is closed under a request would be a failure of ours.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** A web page open on this machine must not drive the sandbox or read its tokens. */
function guard(request: Request): Response | null {
  const { hostname } = new URL(request.url);
  const local = hostname === "127.0.0.1" || hostname === "localhost";
  if (local && !request.headers.has("origin")) return null;
  return Response.json({ error: "for programs on this machine only" }, { status: 403 });
}

async function withBody<T>(
  c: Context,
  schema: z.ZodType<T>,
  handle: (body: T) => Response | Promise<Response>,
): Promise<Response> {
  let raw: unknown;
  try {
    const text = await c.req.text();
    raw = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    return c.json({ error: "the body is not JSON" }, 400);
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return handle(parsed.data);
  const accepted: unknown = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return c.json({ error: z.prettifyError(parsed.error), accepted }, 400);
}
