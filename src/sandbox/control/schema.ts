/** What the control API takes. Strict: an unknown field is a typing error, and is refused. */
import * as z from "zod";
import { TOKEN_KINDS } from "../api/tokens.ts";

const lagMs = z
  .strictObject({ min: z.number().min(0).max(600_000), max: z.number().min(0).max(600_000) })
  .refine(({ min, max }) => min <= max, "min must not exceed max");
const share = z.number().min(0).max(1);
const latencyMs = z.number().min(0).max(60_000);
const colo = z.string().regex(/^[A-Z]{3}$/, "must be three capital letters");

export const kvSchema = z.strictObject({
  /** Without it: all locations. */
  location: colo.optional(),
  lagMs: lagMs.optional(),
  frozen: z.boolean().optional(),
  reads: z.enum(["normal", "throw", "hang", "stale", "reorder"]).optional(),
  /** Deliver at once what is on its way. */
  catchUp: z.literal(true).optional(),
});

export const nativeSchema = z.strictObject({
  errorShare: share.optional(),
  failAfterBody: z.boolean().optional(),
  addedLatencyMs: latencyMs.optional(),
  message: z.string().min(1).max(500).optional(),
  r2Down: z.boolean().optional(),
  databaseDown: z.boolean().optional(),
  databaseLatencyMs: latencyMs.optional(),
});

export const originSchema = z.strictObject({
  down: z.boolean().optional(),
  errorShare: share.optional(),
  addedLatencyMs: latencyMs.optional(),
});

export const apiSchema = z.strictObject({
  clockSkewMs: z.number().min(-86_400_000).max(86_400_000).optional(),
  limits: z
    .strictObject({
      keyWrites: z.boolean().optional(),
      requests: z.boolean().optional(),
      budget: z.int().min(1).max(1_000_000).optional(),
    })
    .optional(),
  /** Spend the main token's budget. */
  exhaustBudget: z.literal(true).optional(),
  resetLimits: z.literal(true).optional(),
});

export const tokenSchema = z.strictObject({ kind: z.enum(TOKEN_KINDS) });

export const trafficSchema = z.strictObject({
  visitors: z.int().min(1).max(2_000).default(30),
  /** Actions per second; an action is a whole upload flow, a look at jobs, or another request. */
  ratePerS: z.number().min(0.1).max(500).default(20),
  mix: z
    .strictObject({
      upload: z.number().min(0).default(1),
      jobs: z.number().min(0).default(1),
      other: z.number().min(0).default(2),
    })
    .refine(({ upload, jobs, other }) => upload + jobs + other > 0, "must not be all zero")
    .default({ upload: 1, jobs: 1, other: 2 }),
  /** The share of visitors that go to another location with each request. */
  roaming: share.default(0),
  /** After so many actions a visitor leaves, and a new one without a cookie comes. */
  actionsPerVisitor: z.int().min(1).max(1_000_000).default(20),
  thinkMs: z.number().min(0).max(60_000).default(0),
  uploadBytes: z.int().min(1).max(1_048_576).default(256),
});

export const flowsSchema = trafficSchema
  .pick({ roaming: true, thinkMs: true, uploadBytes: true })
  .extend({
    count: z.int().min(1).max(1_000_000),
    concurrency: z.int().min(1).max(500).default(20),
    /** Flows by the same visitor, one after the other. */
    flowsPerVisitor: z.int().min(1).max(1_000_000).default(1),
    /** False: each request as a new visitor without a cookie, so that cohorts mix. */
    keepCookies: z.boolean().default(true),
  });

export type KvInput = z.input<typeof kvSchema>;
export type NativeInput = z.input<typeof nativeSchema>;
export type OriginInput = z.input<typeof originSchema>;
export type ApiInput = z.input<typeof apiSchema>;
export type TrafficInput = z.input<typeof trafficSchema>;
export type TrafficPlan = z.output<typeof trafficSchema>;
export type FlowsInput = z.input<typeof flowsSchema>;
export type FlowsPlan = z.output<typeof flowsSchema>;
