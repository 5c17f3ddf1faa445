/** What answers behind the Worker's bindings other than KV. */
import * as z from "zod";
import type { NativeFaults } from "../native-faults.ts";
import type { NodeService } from "./node-services.ts";

const pointSchema = z.object({
  indexes: z.array(z.string()).default([]),
  blobs: z.array(z.string().nullable()).default([]),
  doubles: z.array(z.number()).default([]),
});

/** One Analytics Engine point as written by the Worker; `colo` is where it was caught. */
export interface CaughtPoint extends z.output<typeof pointSchema> {
  atMs: number;
  colo: string;
}

export type PointListener = (point: CaughtPoint) => void;

const DONE = { status: 204 } as const;

export function metricsService(colo: string, onPoint: PointListener): NodeService {
  return async (_operation, body) => {
    const point = pointSchema.safeParse(body);
    if (point.success) onPoint({ ...point.data, atMs: Date.now(), colo });
    return DONE;
  };
}

export function logsService(onTraces: (json: unknown) => void): NodeService {
  return async (_operation, body) => {
    onTraces(body);
    return DONE;
  };
}

/** What the e-mail binding sends; null in the answer's `code` means that it was taken. */
export function mailService(send: MailSink): NodeService {
  return async (_operation, body) => ({ status: 200, json: await send(body) });
}

export type MailSink = (message: unknown) => Promise<{ code: string | null }>;

/**
 * Asked by native handlers before they start; see the chaos hook of the Worker. The delay that it orders
 * is one of the Worker's timers, too.
 */
export function chaosService(native: NativeFaults, patience: number): NodeService {
  return async () => {
    const answer = native.forRequest();
    return { status: 200, json: { ...answer, delay_ms: answer.delay_ms / patience } };
  };
}

export function r2Switch(native: NativeFaults): NodeService {
  return async () => ({ status: native.settings.r2Down ? 503 : 204 });
}
