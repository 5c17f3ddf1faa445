/** The driver's socket, made to tell of a connection that broke. */
import type { Client } from "pg";

/** `pg-cloudflare`'s; the one that the driver takes in Node tells by itself, and has no `_listen`. */
interface DriverSocket {
  /** Resolves at the end of what can be read. */
  _listen?: () => Promise<void>;
  emit(event: "close"): unknown;
}

/**
 * By itself it says nothing when the connection has ended and the runtime's `closed` stays open, as it does when a
 * database dies with a query on its way: the query would wait for its time limit.
 */
export function tellOfEnd(client: Client): void {
  const stream: DriverSocket = client.connection.stream;
  const readToEnd = stream._listen?.bind(stream);
  if (readToEnd === undefined) return;
  stream._listen = async () => {
    await readToEnd();
    stream.emit("close");
  };
}
