/** The control API as a table: HTTP, its front page and `pixcanary sandbox --help` follow from it. */
import * as z from "zod";
import { faultRuleSchema, faultSummary } from "../api/faults.ts";
import type { SandboxDescription } from "../types.ts";
import type { SandboxControl } from "./control.ts";
import { fieldsOf } from "./fields.ts";
import * as takes from "./schema.ts";

/** What a request brings beside its body. */
export interface Call {
  control: SandboxControl;
  describe: () => SandboxDescription;
  /** What stands for `:id`. */
  id: number;
  signal: AbortSignal;
}

export interface Control {
  /** Method and path; `:id` is a number. */
  path: string;
  help: string;
  /** Of the body; without it no body is looked at. */
  schema?: z.ZodType;
  /** Of the answer; 200 without it. */
  status?: 201;
  /**
   * Resolves with the answer; undefined: the state that follows; null: there is nothing with this id.
   * What it throws is the caller's mistake; a ZodError: in the body.
   */
  apply(call: Call, body: unknown): unknown;
}

/** Gives `apply` what the schema makes of the body. */
function taking<T>({
  schema,
  apply,
  ...row
}: Pick<Control, "path" | "help" | "status"> & {
  schema: z.ZodType<T>;
  apply(call: Call, body: T): unknown;
}): Control {
  return { ...row, schema, apply: (call, body) => apply(call, schema.parse(body)) };
}

/** In the order of the help page. */
export const CONTROLS: readonly Control[] = [
  {
    path: "GET /",
    help: "this list, the fault kinds, the state",
    apply: ({ control }) => ({
      endpoints: summaryOf(CONTROLS),
      faults: faultSummary(),
      state: control.state(),
    }),
  },
  {
    path: "GET /description",
    help: "the document of `pixcanary sandbox --json`",
    apply: ({ describe }) => describe(),
  },
  {
    path: "GET /state",
    help: "all settings, and what is stored and seen per location",
    apply: ({ control }) => control.state(),
  },
  taking({
    path: "PUT /kv",
    schema: takes.kvSchema,
    help: "lag and faults of KV, at one location or at all",
    apply: ({ control }, body) => control.setKv(body),
  }),
  taking({
    path: "PUT /beacon",
    schema: takes.beaconSchema,
    help: "faults of the beacon and its cache, by location",
    apply: ({ control }, body) => control.setBeacon(body),
  }),
  {
    path: "GET /faults",
    help: "the fault rules of the Cloudflare API",
    apply: ({ control }) => control.state().api.faults,
  },
  taking({
    path: "POST /faults",
    schema: faultRuleSchema,
    help: "add a rule",
    status: 201,
    apply: async ({ control }, rule) => ({ id: await control.addFault(rule) }),
  }),
  taking({
    path: "PUT /faults",
    schema: z.array(faultRuleSchema).max(100),
    help: "replace all rules",
    apply: async ({ control }, rules) => {
      await control.setFaults(rules);
      return control.state().api.faults;
    },
  }),
  {
    path: "DELETE /faults",
    help: "end all faults of the API",
    apply: async ({ control }) => {
      await control.clearFaults();
      return control.state().api.faults;
    },
  },
  {
    path: "DELETE /faults/:id",
    help: "end one",
    apply: async ({ control, id }) =>
      (await control.removeFault(id)) ? control.state().api.faults : null,
  },
  taking({
    path: "PUT /api",
    schema: takes.apiSchema,
    help: "clock and rate limits of the Cloudflare API",
    apply: ({ control }, body) => control.setApi(body),
  }),
  taking({
    path: "PUT /native",
    schema: takes.nativeSchema,
    help: "faults of the native handlers, R2 and the database",
    apply: ({ control }, body) => control.setNative(body),
  }),
  taking({
    path: "PUT /origin",
    schema: takes.originSchema,
    help: "faults of the legacy origin",
    apply: ({ control }, body) => control.setOrigin(body),
  }),
  taking({
    path: "PUT /metrics",
    schema: takes.metricsSchema,
    help: "keep one of N data points, for all or by index; delay them",
    apply: ({ control }, body) => control.setMetrics(body),
  }),
  {
    path: "GET /points",
    help: "the data points written so far",
    apply: ({ control }) => control.points(),
  },
  taking({
    path: "POST /points",
    schema: takes.pointsSchema,
    help: "add data points of the past; only queries show them",
    status: 201,
    apply: ({ control }, points) => {
      control.addPoints(points);
      return { added: points.length };
    },
  }),
  {
    path: "DELETE /points",
    help: "clear all data points, in queries as well",
    apply: async ({ control }) => {
      await control.forgetPoints();
      return control.points();
    },
  },
  taking({
    path: "PUT /logs",
    schema: takes.logsSchema,
    help: "the log pipeline, the live tail, files in the bucket",
    apply: ({ control }, body) => control.setLogs(body),
  }),
  {
    path: "GET /notices",
    help: "what the channels received, and the open incidents",
    apply: ({ control }) => control.notices(),
  },
  taking({
    path: "PUT /notices",
    schema: takes.noticesSchema,
    help: "make one receiver, or all, slow, refusing or silent",
    apply: ({ control }, body) => {
      control.setNotices(body);
      return control.notices();
    },
  }),
  {
    path: "DELETE /notices",
    help: "clear what was received, and the open incidents",
    apply: ({ control }) => {
      control.forgetNotices();
      return control.notices();
    },
  },
  {
    path: "POST /heal",
    help: "end every fault above; lag, limits and traffic stay",
    apply: ({ control }) => control.heal(),
  },
  taking({
    path: "POST /tokens",
    schema: takes.tokenSchema,
    help: "a new API token",
    status: 201,
    apply: ({ control }, { kind, permissions }) => ({
      kind,
      token: control.createToken(permissions === undefined ? kind : { permissions }),
    }),
  }),
  {
    path: "GET /traffic",
    help: "the report on the traffic",
    apply: ({ control }) => control.trafficReport(),
  },
  taking({
    path: "PUT /traffic",
    schema: takes.trafficSchema,
    help: "start new traffic",
    apply: async ({ control }, plan) => {
      await control.startTraffic(plan);
      return control.trafficReport();
    },
  }),
  {
    path: "DELETE /traffic",
    help: "stop the traffic; the last report",
    apply: ({ control }) => control.stopTraffic(),
  },
  taking({
    path: "POST /flows",
    schema: takes.flowsSchema,
    help: "run upload flows, and report on them",
    apply: ({ control, signal }, plan) => control.runUploadFlows(plan, signal),
  }),
  {
    path: "GET /requests",
    help: "requests to the Cloudflare API",
    apply: ({ control }) => control.requests(),
  },
  {
    path: "DELETE /requests",
    help: "clear the list",
    apply: ({ control }) => {
      control.forgetRequests();
      return control.requests();
    },
  },
];

/** By path: what it is for, and the fields that it takes. */
export function summaryOf(controls: readonly Control[]): Record<string, string> {
  return Object.fromEntries(
    controls.map(({ path, help, schema }) => [
      path,
      schema === undefined ? help : `${help}: ${fieldsOf(schema)}`,
    ]),
  );
}
