/** What the runtime sees of this Worker: its handlers, the beacon, and the entrypoint before that. */
export { CachedBeacon } from "./beacon/entrypoint.ts";
export { Beacon } from "./beacon/object.ts";
export { default } from "./handler.ts";
