/** Whose doing a failed call to R2 or the database is. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect, test, vi } from "vitest";
import { ClientGoneError } from "../../worker/client-gone.ts";
import type { Bindings } from "../../worker/env.ts";
import { TimeLimitError } from "../../worker/limit.ts";
import { withDatabase } from "../../worker/native/database.ts";
import { causeOf } from "../../worker/native/failure-cause.ts";

const ofDatabase = (code: string) => Object.assign(new Error("the database said no"), { code });

test.each([
  ["a visitor who hung up", new ClientGoneError("gone"), "client"],
  ["a text that the database cannot hold", ofDatabase("22021"), "client"],
  ["a row that breaks a constraint", ofDatabase("23514"), "client"],
  ["our own limit", new TimeLimitError("query"), "limit"],
  ["the driver's limit", new Error("timeout exceeded when trying to connect"), "limit"],
  ["a connection that broke", ofDatabase("08006"), "upstream"],
  ["too many connections", ofDatabase("53300"), "upstream"],
  ["R2's internal error", new Error("put: We encountered an internal error. (10001)"), "upstream"],
  ["what is no error", "odd", "upstream"],
])("%s", (_, error, cause) => {
  expect(causeOf(error)).toBe(cause);
});

test("a database that never says a word: our limit comes before the driver's", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const connectionString = `postgres://a:b@127.0.0.1:${port}/c`;
  const env = { HYPERDRIVE: { connectionString } } as Bindings;
  const counted: unknown[] = [];
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const count = (...point: unknown[]) => counted.push(point);
    const work = withDatabase({ env, count, waitUntil: () => undefined }, async () => undefined);
    const failed = expect(work).rejects.toBeInstanceOf(TimeLimitError);
    await vi.advanceTimersByTimeAsync(10_000);
    await failed;
  } finally {
    vi.useRealTimers();
    silent.close();
  }
  expect(counted).toEqual([["db_failure", { cause: "limit" }]]);
});
