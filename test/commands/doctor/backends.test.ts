/** What `doctor --deep` says of the database and of R2. */
import { expect, test } from "vitest";
import { backendChecks, checksOf } from "../../../src/commands/doctor/backends.ts";
import type { DatabaseLook, MediaProbe } from "../../../src/ports/backends.ts";
import { UpstreamError, type UpstreamKind } from "../../../src/ports/errors.ts";

const LOOK: DatabaseLook = {
  connections: 12,
  limit: 100,
  states: { active: 2, idle: 10 },
  active: [{ pid: 7, seconds: 2, query: "SELECT 1" }],
  hidden: 0,
};
const query = (seconds: number, text = "SELECT *\n  FROM jobs") => ({
  pid: 7,
  seconds,
  query: text,
});
const signal = new AbortController().signal;

test.each([
  ["well below the limit", {}, ["pass", "pass"]],
  ["just below 80 %", { connections: 79 }, ["pass", "pass"]],
  ["80 %", { connections: 80 }, ["warn", "pass"]],
  ["95 %", { connections: 95 }, ["fail", "pass"]],
  ["a limit that is no number", { limit: Number.NaN }, ["fail", "pass"]],
  ["not even its own connection", { connections: 0, states: {} }, ["warn", "pass"]],
  ["others hidden", { hidden: 3 }, ["warn", "pass"]],
  ["others hidden, and no query seen", { hidden: 3, active: [] }, ["warn", "warn"]],
  ["a query of a minute", { active: [query(60)] }, ["pass", "warn"]],
  ["a query of 59 s", { active: [query(59)] }, ["pass", "pass"]],
  ["no query", { active: [] }, ["pass", "pass"]],
] satisfies [string, Partial<DatabaseLook>, string[]][])("%s", (_, given, results) => {
  expect(checksOf({ ...LOOK, ...given }).map(({ result }) => result)).toEqual(results);
});

test("says how full, what is hidden, and the longest query first, in one line without controls", () => {
  const [connections, queries] = checksOf({
    ...LOOK,
    connections: 90,
    hidden: 2,
    active: [query(90, `UPDATE\u001b[31m x${"y".repeat(200)}`), query(3)],
  });
  expect(connections?.detail).toBe("90 of 100, 90 % (2 active, 10 idle)");
  expect(queries?.detail).toMatch(/^90 s pid 7 UPDATE\S*.*…; 3 s pid 7 SELECT \* FROM jobs$/);
  expect(queries?.detail).not.toContain("\u001b");
  expect(queries?.fix).toContain("pg_cancel_backend(7)");
});

interface Given {
  database?: UpstreamKind;
  bucket?: string | null;
  refused?: UpstreamKind;
}

function media({ bucket = "media", refused }: Given): MediaProbe {
  const tryOut = async () => {
    if (bucket === "other") throw new UpstreamError("not-found", "no such bucket");
    if (refused !== undefined) throw new UpstreamError(refused, "write an object: refused");
  };
  return { bucket, tryOut };
}

async function checked(given: Given) {
  const look = async () => {
    if (given.database === undefined) return LOOK;
    throw new UpstreamError(given.database, "why");
  };
  const checks = await backendChecks({ database: { look }, media: media(given) }, signal);
  return checks.map(({ name, result }) => `${name} ${result}`);
}

test.each([
  [{}, ["connections pass", "queries pass", "R2 pass"]],
  // Nothing could be looked at: that is no verdict on the database.
  [{ database: "not-found" }, ["database warn", "R2 pass"]],
  [{ database: "auth" }, ["database warn", "R2 pass"]],
  [{ database: "forbidden" }, ["database warn", "R2 pass"]],
  [{ database: "unavailable" }, ["database fail", "R2 pass"]],
  [{ database: "deadline" }, ["database fail", "R2 pass"]],
  [{ bucket: null }, ["connections pass", "queries pass", "R2 warn"]],
  [{ bucket: "other" }, ["connections pass", "queries pass", "R2 fail"]],
  [{ refused: "forbidden" }, ["connections pass", "queries pass", "R2 warn"]],
  [{ refused: "unavailable" }, ["connections pass", "queries pass", "R2 fail"]],
] satisfies [Given, string[]][])("%o", async (given, results) => {
  expect(await checked(given)).toEqual(results);
});

test("each that did not pass has something to type or to set", async () => {
  const kinds = ["not-found", "auth", "forbidden", "rejected", "deadline", "unavailable"] as const;
  for (const kind of kinds) {
    const look = () => Promise.reject(new UpstreamError(kind, "why"));
    const ports = { database: { look }, media: media({ refused: kind }) };
    const fixes = (await backendChecks(ports, signal)).map(({ fix }) => fix ?? "");
    for (const fix of fixes) {
      expect(fix.length, kind).toBeGreaterThan(20);
      // Behind "      fix: " it is pasted from one line.
      expect(fix.length, fix).toBeLessThanOrEqual(80 - "      fix: ".length);
    }
  }
});
