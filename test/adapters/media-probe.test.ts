/** What an object that cannot be written or read back is taken for. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { createMediaProbe } from "../../src/adapters/media-probe.ts";
import { placeAt } from "./kv.ts";
import { failure, type Reply, startServer, success, type TestServer } from "./server.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

const written = success({});
const missing = failure(404, 10007, "not here");
const broken = failure(500, 1, "broken");
const wrong: Reply = (res) => res.end("something else");

test.each<[string, Reply[], string]>([
  ["no bucket", [missing], "not-found"],
  ["an object that is gone when it is read", [written, missing, written], "unavailable"],
  ["an object that holds something else", [written, wrong, written], "unavailable"],
  ["an object that is gone when it is deleted", [written, broken, missing], "unavailable"],
])("%s", async (_, replies, kind) => {
  server.reply(...replies);
  const { client, accountId } = placeAt(server);
  const probe = createMediaProbe({ client, accountId, bucket: "media" });
  const { signal } = new AbortController();
  await expect(probe.tryOut({ signal })).rejects.toMatchObject({ kind });
  // Whatever happened to it: what was written is taken away again.
  const methods = server.seen.map(({ method }) => method);
  expect(methods).toEqual(replies.length === 1 ? ["PUT"] : ["PUT", "GET", "DELETE"]);
});
