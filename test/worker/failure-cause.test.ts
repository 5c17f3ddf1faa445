/** Whose doing a failed call to R2 or the database is. */
import { expect, test } from "vitest";
import { ClientGoneError } from "../../worker/client-gone.ts";
import { TimeLimitError } from "../../worker/limit.ts";
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
