/** The embedded Postgres: many connections over one session must not mix, and may be cut off. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Database, startDatabase } from "../../src/sandbox/database/database.ts";
import { packageRoot } from "../../src/sandbox/edge/bundle.ts";

let database: Database;
beforeAll(async () => {
  database = await startDatabase({ root: packageRoot() });
});
afterAll(() => database.close());

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url, connectionTimeoutMillis: 10_000 });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function withClient<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect();
  try {
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

describe("embedded Postgres", () => {
  test("parameterised queries of twenty connections at once keep their own answers", async () => {
    const wrong: string[] = [];
    await Promise.all(
      Array.from({ length: 20 }, (_, who) =>
        withClient(async (client) => {
          for (let i = 0; i < 20; i++) {
            const name = `${who}-${i}`;
            const { rows } = await client.query(
              who % 2 === 0 ? "SELECT $1::text AS name" : "SELECT $1::text AS name, $2::int AS n",
              who % 2 === 0 ? [name] : [name, i],
            );
            if (rows[0]?.name !== name) wrong.push(`${name}: ${JSON.stringify(rows)}`);
          }
        }),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test("an error of one connection does not touch another", async () => {
    await withClient((bad) =>
      withClient(async (good) => {
        const results = await Promise.allSettled([
          bad.query("SELECT $1::int / 0", [1]),
          good.query("SELECT $1::int AS n", [7]),
          bad.query("SELECT nonsense FROM nowhere WHERE x = $1", [1]),
          good.query("SELECT $1::int AS n", [8]),
        ]);
        expect(results.map(({ status }) => status)).toEqual([
          "rejected",
          "fulfilled",
          "rejected",
          "fulfilled",
        ]);
      }),
    );
  });

  test("a transaction keeps the session to itself, and ends with its connection", async () => {
    const [busy, other] = await Promise.all([connect(), connect()]);
    await busy.query("CREATE TABLE t (n int)");
    await busy.query("BEGIN");
    await busy.query("INSERT INTO t VALUES ($1)", [1]);
    const count = other.query("SELECT count(*)::int AS n FROM t");
    for (let i = 0; i < 20; i++) await busy.query("SELECT $1::int", [i]);
    busy.connection.stream.destroy();
    expect((await count).rows).toEqual([{ n: 0 }]);
    await other.end();
  });

  test("switched off, it breaks connections and refuses new ones; switched on, it is back", async () => {
    const client = await connect();
    database.gate.set({ down: true });
    await expect(client.query("SELECT 1")).rejects.toThrow();
    await expect(connect()).rejects.toThrow();
    database.gate.set({ down: false });
    const { rows } = await withClient((fresh) => fresh.query("SELECT 1 AS n"));
    expect(rows).toEqual([{ n: 1 }]);
  });

  test("a given database is used through a port of its own, and gets the tables", async () => {
    const given = await startDatabase({ root: packageRoot(), databaseUrl: database.url });
    try {
      expect(new URL(given.url).port).not.toBe(new URL(database.url).port);
      given.gate.set({ latencyMs: 5 });
      const client = new pg.Client({ connectionString: given.url });
      await client.connect();
      expect((await client.query("SELECT count(*)::int AS n FROM jobs")).rows).toEqual([{ n: 0 }]);
      await client.end();
    } finally {
      await given.close();
    }
  });

  test("the Worker's tables exist", async () => {
    const { rows } = await withClient((client) =>
      client.query("SELECT to_regclass('intents') IS NOT NULL AS yes"),
    );
    expect(rows).toEqual([{ yes: true }]);
  });
});
