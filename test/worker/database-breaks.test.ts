/** A database that dies, at each point of a request: native knows at once, not when its time limit ends. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { session, startWorker, type WorkerUnderTest } from "./harness.ts";

/** Postgres: AuthenticationOk, ReadyForQuery. */
const WELCOME = Buffer.from("R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I", "latin1");
/** Whether the runtime tells of the end by itself depends on what is under way in that moment. */
const AT_ONCE = 12;

const POINTS = ["accepted", "greeted", "welcomed", "asked"] as const;
const WAYS = {
  "is reset": (socket) => socket.resetAndDestroy(),
  "is closed": (socket) => socket.destroy(),
  "is closed on one side": (socket) => socket.end(),
} satisfies Record<string, (socket: Socket) => unknown>;

let leaves: (socket: Socket, point: (typeof POINTS)[number]) => void;
let database: Server;
let worker: WorkerUnderTest;
let cookie: string;
beforeAll(async () => {
  database = createServer({ allowHalfOpen: true }, converse);
  database.listen(0, "127.0.0.1");
  await once(database, "listening");
  const { port } = database.address() as AddressInfo;
  worker = await startWorker({
    config: { canary_percent: 100 },
    databaseUrl: `postgres://u:p@127.0.0.1:${port}/pix?sslmode=disable`,
    points: true,
  });
  cookie = `${await worker.cookie("native")}; ${session("anna")}`;
});
afterEach(() => worker.points.clear());
afterAll(async () => {
  await worker.dispose();
  database.close();
});

function converse(socket: Socket): void {
  socket.on("error", () => undefined);
  leaves(socket, "accepted");
  let heard = 0;
  socket.on("data", () => {
    heard += 1;
    if (heard > 1) return leaves(socket, "asked");
    leaves(socket, "greeted");
    if (socket.writable) socket.write(WELCOME, () => leaves(socket, "welcomed"));
  });
  socket.on("end", () => socket.end());
}

describe.each(POINTS)("when it has %s, a connection that", (at) => {
  test.each(Object.entries(WAYS))("%s is a failure of the database", async (_, leave) => {
    leaves = (socket, point) => {
      if (point === at) leave(socket);
    };
    const ask = async (): Promise<number> =>
      (await worker.fetch("/api/jobs", { headers: { cookie } })).status;
    const statuses = await Promise.all(Array.from({ length: AT_ONCE }, ask));
    // Proxied, as a question may be asked again.
    expect(new Set(statuses)).toEqual(new Set([200]));
    const failures = await worker.points.take(AT_ONCE, ({ kind }) => kind === "db_failure");
    expect(new Set(failures.map(({ cause }) => cause))).toEqual(new Set(["upstream"]));
  });
});
