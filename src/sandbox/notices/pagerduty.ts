/**
 * What PagerDuty's Events API v2 makes of an event: refuses it, opens an incident, adds to an open one,
 * closes it, or drops it. Stricter than the real one: unknown fields are refused, too.
 */
import * as z from "zod";

const text = (max: number) => z.string().min(1).max(max);
const key = { routing_key: z.string().length(32), dedup_key: text(255) };
const link = z.strictObject({ href: z.url(), text: z.string().optional() });

const eventSchema = z.discriminatedUnion("event_action", [
  z.strictObject({
    event_action: z.literal("trigger"),
    ...key,
    payload: z.strictObject({
      summary: text(1_024),
      source: text(1_024),
      severity: z.enum(["critical", "error", "warning", "info"]),
      timestamp: z.iso.datetime().optional(),
      component: z.string().optional(),
      group: z.string().optional(),
      class: z.string().optional(),
      custom_details: z.record(z.string(), z.unknown()).optional(),
    }),
    links: z.array(link).optional(),
    client: z.string().optional(),
    client_url: z.url().optional(),
  }),
  z.strictObject({ event_action: z.literal("resolve"), ...key }),
  z.strictObject({ event_action: z.literal("acknowledge"), ...key }),
]);

export interface OpenIncident {
  dedupKey: string;
  /** Of the newest trigger. */
  summary: string;
  severity: string;
  openedAtMs: number;
  /** The first one is the page; the others are added to it. */
  triggers: number;
}

export type Verdict =
  | { ok: true; answer: { status: string; message: string; dedup_key: string } }
  | { ok: false; answer: { status: string; message: string; errors: string[] } };

export class PagerDuty {
  readonly #routingKey: string;
  #open = new Map<string, OpenIncident>();
  /** Incidents that were opened: so many times somebody was paged. */
  pages = 0;

  constructor(routingKey: string) {
    this.#routingKey = routingKey;
  }

  incidents(): OpenIncident[] {
    return [...this.#open.values()].map((incident) => ({ ...incident }));
  }

  forget(): void {
    this.#open = new Map();
    this.pages = 0;
  }

  enqueue(body: unknown, nowMs: number): Verdict {
    const parsed = eventSchema.safeParse(body);
    if (!parsed.success) {
      return refused(parsed.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`));
    }
    const event = parsed.data;
    if (event.routing_key !== this.#routingKey) return refused(["Invalid routing key"]);
    if (event.event_action === "resolve") this.#open.delete(event.dedup_key);
    if (event.event_action === "trigger") this.#trigger(event, nowMs);
    const answer = {
      status: "success",
      message: "Event processed",
      dedup_key: event.dedup_key,
    };
    return { ok: true, answer };
  }

  #trigger(
    { dedup_key, payload }: Extract<z.output<typeof eventSchema>, { event_action: "trigger" }>,
    nowMs: number,
  ): void {
    const { summary, severity } = payload;
    const open = this.#open.get(dedup_key);
    if (open === undefined) this.pages += 1;
    this.#open.set(dedup_key, {
      dedupKey: dedup_key,
      summary,
      severity,
      openedAtMs: open?.openedAtMs ?? nowMs,
      triggers: (open?.triggers ?? 0) + 1,
    });
  }
}

function refused(errors: string[]): Verdict {
  return {
    ok: false,
    answer: { status: "invalid event", message: "Event object is invalid", errors },
  };
}
