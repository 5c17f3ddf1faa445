/** The sandbox's options, checked and filled in. */
import * as z from "zod";
import { DEFAULT_LAG, DEFAULT_LOCATIONS, DEFAULT_PERCENT } from "./types.ts";

export const optionsSchema = z.object({
  locations: z
    .array(z.string().regex(/^[A-Z]{3}$/, "must be three capital letters"))
    .min(1)
    .max(12)
    .refine((list) => new Set(list).size === list.length, "must differ")
    .default([...DEFAULT_LOCATIONS]),
  lagMs: z
    .object({ min: z.number().min(0), max: z.number().max(600_000) })
    .refine(({ min, max }) => min <= max, "min must not exceed max")
    .default(DEFAULT_LAG),
  empty: z.boolean().default(false),
  percent: z.number().min(0).max(100).default(DEFAULT_PERCENT),
  databaseUrl: z.url().optional(),
  vars: z.record(z.string(), z.string()).default({}),
  seed: z.int().optional(),
  rateLimits: z.boolean().default(true),
  workerPath: z.string().optional(),
  patience: z.number().min(1).default(1),
  qaMetrics: z.boolean().default(false),
  cronMs: z.number().min(100).nullable().default(null),
  logs: z.boolean().default(true),
  notices: z.boolean().default(true),
});

export type Settings = z.output<typeof optionsSchema>;
