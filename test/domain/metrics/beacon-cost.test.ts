import { expect, test } from "vitest";
import { beaconCost } from "../../../src/domain/metrics/beacon-cost.ts";

test.each([
  ["nobody comes", [], 0, 0],
  // 3,000 requests a month keep the object awake for 30,000 s.
  ["few come", [100], 3_000, 0.048],
  // 259,200 copies of 10 s, and an object that never sleeps: 331,776 GB-s.
  ["one busy location", [10_000_000], 259_200, 4.186],
  ["a hundred of them", Array.from({ length: 100 }, () => 10_000_000), 25_920_000, 8.035],
])("what the beacon costs when %s", (_, byLocation, requests, dollars) => {
  const cost = beaconCost(byLocation, 10);
  expect(cost.requests).toBe(requests);
  expect(cost.dollars).toBeCloseTo(dollars, 2);
});
