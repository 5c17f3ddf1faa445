/** Who carries a stop to the locations: KV's keys, and the beacon. */
export const CARRIERS = ["kv", "beacon"] as const;
export type Carrier = (typeof CARRIERS)[number];
