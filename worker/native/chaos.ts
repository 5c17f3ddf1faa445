/**
 * Lets drills and the sandbox make native slow or broken, as an incident would, so that stopping it
 * can be practised on the real bundle. Safe because it needs two things that production never has:
 * the service binding CHAOS, which wrangler.jsonc does not define, and an ENVIRONMENT other than
 * production. It can do nothing but delay or fail a native request, and its own failure is ignored.
 */
import type { Bindings, Settings } from "../env.ts";
import { sleep, withLimit } from "../limit.ts";

const ASK_LIMIT_MS = 1_000;
const MAX_DELAY_MS = 30_000;

export interface Chaos {
  /** Throws what native is to fail with before it touches the request. */
  before(): void;
  /** Throws what native is to fail with when it has consumed the request. */
  after(): void;
}

const CALM: Chaos = { before: () => undefined, after: () => undefined };

/** Waits out the ordered delay. Never throws by itself. */
export async function askChaos(env: Bindings, settings: Settings, route: string): Promise<Chaos> {
  if (env.CHAOS === undefined || settings.production) return CALM;
  const orders = await ask(env.CHAOS, route);
  const delayMs = Math.min(Number(orders.delay_ms) || 0, MAX_DELAY_MS);
  if (delayMs > 0) await sleep(delayMs);
  const fail = (wanted: boolean) => (): void => {
    if (wanted) throw new Error(String(orders.message ?? "chaos: native failed"));
  };
  return {
    before: fail(orders.fail === true && orders.fail_after !== true),
    after: fail(orders.fail_after === true),
  };
}

async function ask(chaos: Fetcher, route: string): Promise<Record<string, unknown>> {
  try {
    const url = `http://chaos/native?route=${encodeURIComponent(route)}`;
    const answer = await withLimit("chaos", ASK_LIMIT_MS, chaos.fetch(url));
    const raw: unknown = await withLimit("chaos", ASK_LIMIT_MS, answer.json());
    return typeof raw === "object" && raw !== null ? { ...raw } : {};
  } catch {
    return {};
  }
}
