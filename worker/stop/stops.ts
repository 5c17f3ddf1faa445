/** What `POST /qa/stop` needs, put together once per isolate. */
import type { Deps } from "../deps.ts";
import type { Settings } from "../env.ts";
import type { BeaconPort } from "./deliver.ts";
import { createSignatures } from "./signatures.ts";

export function createStops(
  { operators, notify }: Pick<Settings, "operators" | "notify">,
  beacon: BeaconPort,
  now: () => number,
): Deps["stops"] {
  const door = {
    signatures: createSignatures(operators),
    environment: notify.env,
    now,
  };
  return { door, beacon };
}
