/**
 * What the beacon costs in a month of 30 days, by the traffic of a day. Prices of Durable Objects on the paid
 * plan, in US dollars, without what the plan includes: requests $0.15 per million; duration $12.50 per million
 * GB-s at 128 MB. (developers.cloudflare.com/durable-objects/platform/pricing, read 2026-11)
 */
const DAYS = 30;
const MONTH_S = DAYS * 86_400;
const PER_REQUEST = 0.15 / 1_000_000;
const PER_GB_S = 12.5 / 1_000_000;
const OBJECT_GB = 0.128;
/** Without a request for about this long an object is put to sleep, and costs no duration. */
const AWAKE_S = 10;

export interface BeaconCost {
  /** To the Durable Object. */
  requests: number;
  dollars: number;
}

/**
 * `byLocation`: requests of visitors in the last 24 h, of each location. A location fetches a copy of the
 * beacon's answer when one is asked for and the last is older than `maxAgeS`: so often at most, and never more
 * often than visitors come. An upper bound: locations share copies among themselves, which is not counted.
 */
export function beaconCost(byLocation: readonly number[], maxAgeS: number): BeaconCost {
  const most = MONTH_S / maxAgeS;
  const requests = byLocation.reduce((sum, daily) => sum + Math.min(daily * DAYS, most), 0);
  const awakeS = Math.min(MONTH_S, requests * AWAKE_S);
  return { requests, dollars: requests * PER_REQUEST + awakeS * OBJECT_GB * PER_GB_S };
}
