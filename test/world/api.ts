/** The Cloudflare API between the operators' processes and KV: late, deaf, refusing or gone, as the plan has it. */
import { CONFIG_KEY } from "../../src/domain/state/documents.ts";
import { UpstreamError } from "../../src/ports/errors.ts";
import { factsOf } from "./documents.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

export interface Call {
  signal: AbortSignal;
  timeoutMs: number;
}

/** KV takes one write of a key per second, and is mostly kinder than that. */
const SECOND_MS = 1_000;
/** The share of requests that take seconds to arrive, for no reason that anybody knows. */
const STRAY = 0.03;

export class Api {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Rejects with UpstreamError, `ambiguous` where it may have arrived. */
  put(process: Process, key: string, text: string, call: Call): Promise<void> {
    const { kv, nowMs: sentMs } = this.#world;
    return this.#send(process, "ambiguous", call, {
      arrive: () => {
        if (key === CONFIG_KEY && this.#world.has("api refuses config")) return "refused";
        const quickly = this.#world.nowMs - kv.writtenAtMs(key) < SECOND_MS;
        if (quickly && process.dice.chance(0.3)) return "refused";
        this.write(process, key, text, sentMs);
        return "taken";
      },
      answer: () => undefined,
    });
  }

  /** By whomever; the truth hears of it. */
  write(process: Process | null, key: string, text: string, sentMs = this.#world.nowMs): void {
    const world = this.#world;
    world.kv.put(key, text, world.nowMs);
    world.truth.written(key, text, process, { nowMs: world.nowMs, sentMs });
    world.tell?.(
      process?.name ?? "cron",
      `KV now holds ${key.replace(/^journal.*/, "an entry of the journal")} ${told(key, text)}`,
    );
  }

  /** Keys may be read at different moments, as they are separate requests. */
  async get(process: Process, keys: readonly string[], call: Call): Promise<(string | null)[]> {
    const { kv } = this.#world;
    const early = process.dice.int(keys.length + 1);
    let found: (string | null)[] = [];
    return this.#send(process, "unavailable", call, {
      arrive: () => {
        found = keys.slice(0, early).map((key) => kv.get(key));
        return "taken";
      },
      answer: () => [...found, ...keys.slice(early).map((key) => kv.get(key))],
    });
  }

  #send<T>(
    process: Process,
    whenLost: "ambiguous" | "unavailable",
    { signal, timeoutMs }: Call,
    exchange: { arrive(): "refused" | "taken"; answer(): T },
  ): Promise<T> {
    const { dice } = process;
    const world = this.#world;
    return new Promise((resolve, reject) => {
      const fail = (kind: UpstreamError["kind"], message: string): void => {
        signal.removeEventListener("abort", onAbort);
        callOff();
        reject(new UpstreamError(kind, message));
      };
      const onAbort = (): void => fail(whenLost, "stopped waiting for the answer");
      if (signal.aborted) return reject(new UpstreamError("unavailable", "nothing was sent"));
      signal.addEventListener("abort", onAbort, { once: true });
      const callOff = process.after(timeoutMs, () => fail(whenLost, "no answer in time"));
      const back = (then: () => void): void => {
        process.after(dice.between(5, 60), then);
      };
      // Once sent it arrives, whatever becomes of the sender.
      const isStray = dice.chance(STRAY);
      const thereMs = isStray ? dice.between(1_000, 8_000) : dice.between(5, world.plan.apiMs);
      world.scheduler.after(thereMs, () => {
        if (world.has("api lost")) return;
        if (world.has("api refuses")) {
          const clear = dice.chance(0.5);
          return back(() =>
            fail(clear ? "unavailable" : whenLost, clear ? "HTTP 429" : "HTTP 500"),
          );
        }
        if (world.has("api late")) {
          world.scheduler.after(dice.between(1_000, 15_000), () => void exchange.arrive());
          return;
        }
        if (exchange.arrive() === "refused") return back(() => fail("unavailable", "HTTP 429"));
        if (world.has("api deaf")) return;
        back(() => {
          signal.removeEventListener("abort", onAbort);
          callOff();
          resolve(exchange.answer());
        });
      });
    });
  }
}

function told(key: string, text: string): string {
  const facts = factsOf(key, text);
  if (facts === null) return "";
  const { id, asks, percent, names } = facts;
  const what = asks ? "emergency" : key === "stop" ? "release" : `${percent} %`;
  return `${id}: ${what}${names.length === 0 ? "" : `, ends ${names.join(", ")}`}`;
}
