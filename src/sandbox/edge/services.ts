/** Node functions behind the Worker's other bindings. */
import { type Request, Response } from "miniflare";
import * as z from "zod";
import type { NativeFaults } from "../native-faults.ts";

export type NodeService = (request: Request) => Promise<Response>;

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

export function metricsService(colo: string, onPoint: PointListener): NodeService {
  return async (request) => {
    const point = pointSchema.safeParse(await request.json());
    if (point.success) onPoint({ ...point.data, atMs: Date.now(), colo });
    return new Response(null, { status: 204 });
  };
}

export function logsService(onTraces: (json: unknown) => void): NodeService {
  return async (request) => {
    onTraces(await request.json());
    return new Response(null, { status: 204 });
  };
}

/** What the e-mail binding sends; null in the answer's `code` means that it was taken. */
export function mailService(send: MailSink): NodeService {
  return async (request) => Response.json(await send(await request.json()));
}

export type MailSink = (message: unknown) => Promise<{ code: string | null }>;

/** Asked by native handlers before they start; see the chaos hook of the Worker. */
export function chaosService(native: NativeFaults): NodeService {
  return async () => Response.json(native.forRequest());
}

export function r2Switch(native: NativeFaults): NodeService {
  return async () => new Response(null, { status: native.settings.r2Down ? 503 : 204 });
}
