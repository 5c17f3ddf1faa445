/** Orphans as the Worker counts them: intents by the database if it answers, requests by the metrics. */
import { Client } from "pg";
import { expect, test } from "vitest";
import type { Ask } from "../../src/domain/policy/observations.ts";
import type { Bindings } from "../../worker/env.ts";
import { orphansOf } from "../../worker/guardian/observe.ts";
import { startDatabase } from "./database.ts";

test("requests are the metrics', intents too while the database is down", async () => {
  const database = await startDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const insert = "INSERT INTO intents (intent_id, filename, content_type, size) VALUES ";
  await client.query(`${insert} ('1', 'a.jpg', 'image/jpeg', 1), ('2', 'b.jpg', 'image/jpeg', 1)`);
  await client.query("INSERT INTO jobs (job_id, intent_id, status) VALUES ('1', '1', 'done')");
  await client.end();
  const env = { HYPERDRIVE: { connectionString: database.url } } as Bindings;
  const nowS = Math.floor(Date.now() / 1_000);
  const window = { fromS: nowS - 3_600, toS: nowS + 3_600 };
  const rows = [{ intents: 30, finalized: 10, requests: 7_000 }];
  const answering: Ask = async (question) => ({ kind: "seen", value: question("x").read(rows) });
  const silent: Ask = async () => ({ kind: "unseen", because: "HTTP 500" });
  const counted = (ask: Ask) => orphansOf({ env, waitUntil: () => undefined }, ask, window, nowS);
  const known = { intents: 2, finalized: 1 };
  expect(await counted(answering)).toEqual({ kind: "seen", value: { ...known, requests: 7_000 } });
  expect(await counted(silent)).toEqual({ kind: "seen", value: { ...known, requests: 0 } });
  database.goDown();
  expect(await counted(answering)).toEqual({ kind: "seen", value: rows[0] });
  expect(await counted(silent)).toMatchObject({ kind: "unseen" });
  await database.close();
});
