/** The driver's socket, made to tell of a connection that broke. */
import { CloudflareSocket } from "pg-cloudflare";

/**
 * The driver's own says nothing when the connection has ended and the runtime's `closed` stays open, as it does when a
 * database dies with a query on its way: the query would wait for its time limit.
 */
export class DatabaseSocket extends CloudflareSocket {
  /** Resolves at the end of what can be read. */
  override async _listen(): Promise<void> {
    await super._listen();
    this.emit("close");
  }
}
