/** The filters of a live tail, as wrangler sends them: all must hold. */
import * as z from "zod";
import type { Trace } from "./trace.ts";

const filterSchema = z.union([
  z.object({ sampling_rate: z.number().min(0).max(1) }),
  z.object({ outcome: z.array(z.string()) }),
  z.object({ method: z.array(z.string()) }),
  z.object({ header: z.object({ key: z.string(), query: z.string().optional() }) }),
  z.object({ client_ip: z.array(z.string()) }),
  z.object({ query: z.string() }),
  z.object({ scriptVersion: z.string() }),
]);

export const filtersSchema = z.object({ filters: z.array(filterSchema).max(20).default([]) });

type Filter = z.output<typeof filterSchema>;

/** `draw` is in [0, 1). */
export function passes(trace: Trace, filters: readonly Filter[], draw: () => number): boolean {
  return filters.every((filter) => passesOne(trace, filter, draw));
}

function passesOne(trace: Trace, filter: Filter, draw: () => number): boolean {
  const request = trace.event?.request;
  if ("sampling_rate" in filter) return draw() < filter.sampling_rate;
  if ("outcome" in filter) return filter.outcome.includes(trace.outcome);
  if ("scriptVersion" in filter) return filter.scriptVersion === trace.scriptVersion.id;
  if ("query" in filter) return JSON.stringify(trace.logs).includes(filter.query);
  if ("method" in filter) {
    return filter.method.some((method) => method.toUpperCase() === request?.method);
  }
  if ("client_ip" in filter) {
    return filter.client_ip.includes(request?.headers["cf-connecting-ip"] ?? "");
  }
  const value = request?.headers[filter.header.key.toLowerCase()];
  return value !== undefined && (filter.header.query ?? "") !== ""
    ? value.includes(filter.header.query ?? "")
    : value !== undefined;
}
