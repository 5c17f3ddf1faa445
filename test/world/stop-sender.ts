/** Signed stops: the Worker's own way of bringing one to its carriers, at the location that was asked. */
import { carriersOf, lackingIn } from "../../src/domain/signed-stop/answer.ts";
import { WINDOW_MS } from "../../src/domain/signed-stop/window.ts";
import { STOP_KEY, type StopDocument, serialiseStop } from "../../src/domain/state/documents.ts";
import { stopNow } from "../../src/domain/state/transitions.ts";
import { UpstreamError } from "../../src/ports/errors.ts";
import type { SentStop, StopSender } from "../../src/ports/signed-stop.ts";
import { DELIVERY_LIMITS, deliver, type StopKv } from "../../worker/stop/deliver.ts";
import type { Api } from "./api.ts";
import type { Process } from "./process.ts";
import type { Place, World } from "./world.ts";

/** As the adapter has it. */
const SEND_MS = 4_500;
/** As the Worker has it: so many tries, none after the time that it has told of. */
const WRITE_TRIES = 3;

/** From the look to the last try of the write. */
const ASKED_MS = 10_000;
/** The share that somebody sends again. */
const REPLAYED = 0.2;

interface Given {
  world: World;
  api: Api;
  process: Process;
}

export function stopSenderOf(given: Given): StopSender {
  const { world, process } = given;
  return {
    operator: process.name,
    publicKey: async () => "",
    send: ({ id, at, reason }, url, { signal }) => {
      const place = world.places.find((one) => one.url === url);
      if (place === undefined) throw new Error(`nobody answers at ${url}`);
      const author = {
        actor: process.name,
        reason: reason ?? undefined,
        nowMs: Date.parse(at),
        id,
      };
      return post(given, place, stopNow("", author).stop, signal);
    },
  };
}

function post(
  given: Given,
  place: Place,
  stop: StopDocument,
  signal: AbortSignal,
): Promise<SentStop> {
  const { world, process } = given;
  return new Promise((resolve, reject) => {
    const fail = (kind: "ambiguous" | "unavailable", why: string): void => {
      callOff();
      signal.removeEventListener("abort", onAbort);
      reject(new UpstreamError(kind, why));
    };
    const onAbort = (): void => fail("ambiguous", "stopped waiting for the answer");
    const callOff = process.after(SEND_MS, () => fail("ambiguous", "no answer in time"));
    if (signal.aborted) return fail("unavailable", "nothing was sent");
    signal.addEventListener("abort", onAbort, { once: true });
    if (world.has("qa unreachable", place.name)) return;
    // Once sent it arrives, whatever becomes of the sender.
    world.scheduler.after(process.dice.between(5, 80), async () => {
      replay(given, stop);
      const sent = await taken(given, place, stop);
      process.after(process.dice.between(5, 80), () => {
        if (sent === null) return fail("unavailable", "no carrier took it");
        callOff();
        signal.removeEventListener("abort", onAbort);
        resolve(sent);
      });
    });
  });
}

/** Who has caught its bytes on the way sends them again, somewhere, as long as the Worker takes them. */
function replay(given: Given, stop: StopDocument): void {
  const { world, process } = given;
  const { dice } = process;
  const place = world.places[dice.int(world.places.length)];
  if (place === undefined || !dice.chance(REPLAYED)) return;
  world.scheduler.after(dice.between(0, WINDOW_MS), () => void taken(given, place, stop));
}

/** Null: no carrier has it. */
async function taken(given: Given, place: Place, stop: StopDocument): Promise<SentStop | null> {
  const { world, process } = given;
  const { scheduler, beacon } = world;
  const later = (ms: number, then: () => void) => scheduler.after(ms, then);
  const reached = {
    beacon: beacon?.carrierAt(place.name, later, process.dice) ?? null,
    kv: kvAt(given, place),
    writeEntry: null,
  };
  const limits = { ...DELIVERY_LIMITS, timer: later };
  const delivery = await deliver(
    stop,
    world.twin.carriers?.(reached) ?? reached,
    () => undefined,
    limits,
  );
  if (delivery.kind === "released") return delivery;
  const { written } = delivery;
  const carriers = carriersOf(written);
  return carriers.length === 0 ? null : { kind: "written", carriers, lacking: lackingIn(written) };
}

/** As the Worker is bound to it there. */
function kvAt({ world, api, process }: Given, { name, copies }: Place): StopKv {
  const { dice } = process;
  const { scheduler, kv } = world;
  const later = <T>(give: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      if (world.has("kv hangs", name)) return;
      scheduler.after(dice.between(3, 150), () => {
        try {
          if (world.has("kv fails", name)) throw new Error("KV failed: 503");
          resolve(give());
        } catch (error) {
          reject(error);
        }
      });
    });
  let askedMs = world.nowMs;
  // Without the beacon it goes by KV alone, which may not show a release yet.
  const isKnownReleased = (id: string): boolean =>
    world.beacon?.hasReleased(id, askedMs) === true && world.isQuiet("beacon", name, ASKED_MS);
  return {
    stored: () => later(() => copies.read([STOP_KEY], world.nowMs, dice).get(STOP_KEY) ?? null),
    async writeStop(stop, isOver) {
      const untilMs = world.nowMs + DELIVERY_LIMITS.writeMs;
      const { id = "" } = stop;
      const write = (): void => {
        if (isKnownReleased(id))
          world.truth.fail("replayed", `KV holds ${id} again, which the beacon had heard released`);
        if (world.nowMs - kv.writtenAtMs(STOP_KEY) < 1_000 && dice.chance(0.3))
          throw new Error("KV PUT failed: 429");
        api.write(process, STOP_KEY, serialiseStop(stop));
      };
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await later(write);
        } catch (error) {
          if (attempt >= WRITE_TRIES) throw error;
          const { promise, resolve } = Promise.withResolvers<void>();
          scheduler.after(dice.between(500, 1_200) * attempt, resolve);
          await promise;
          askedMs = world.nowMs;
          if (world.nowMs >= untilMs || (await isOver())) throw error;
        }
      }
    },
  };
}
