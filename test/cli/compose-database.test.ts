import { expect, test } from "vitest";
import { createGrowingRedactor } from "../../src/adapters/redact.ts";
import { composeDatabase } from "../../src/cli/compose-database.ts";
import { UpstreamError } from "../../src/ports/errors.ts";

const { signal } = new AbortController();

test("the password is hidden once somebody has looked, in both of its forms", async () => {
  const redactor = createGrowingRedactor([]);
  const DATABASE_URL = "postgres://u:open%40sesame-7@127.0.0.1:1/x";
  const look = composeDatabase({ DATABASE_URL }, redactor).look({ signal });
  await expect(look).rejects.toMatchObject({ kind: "unavailable" });
  expect(redactor.redact("open@sesame-7 and open%40sesame-7")).toBe("*** and ***");
});

test("an address that cannot be decoded ends in words, not in a bug", async () => {
  const DATABASE_URL = "postgres://u:%zz@127.0.0.1:1/x";
  const look = composeDatabase({ DATABASE_URL }, createGrowingRedactor([])).look({ signal });
  await expect(look).rejects.toBeInstanceOf(UpstreamError);
});
