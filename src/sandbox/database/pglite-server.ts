/**
 * PGlite on a socket. One PGlite is one Postgres session, so whole rounds (up to Sync, a simple
 * query, or a transaction's end) of one connection run before those of another: interleaving their
 * messages, as the stock socket server does, mixes up unnamed statements and skipped-until-Sync.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import type { PGlite } from "@electric-sql/pglite";

const SSL_REQUEST = 80_877_103;
const CANCEL_REQUEST = 80_877_102;
const MAX_ROUND_BYTES = 32 * 1024 * 1024;
const SYNC = 0x53;
const QUERY = 0x51;
const TERMINATE = 0x58;

export interface PgliteServer {
  port: number;
  close(): Promise<void>;
}

export async function servePglite(db: PGlite): Promise<PgliteServer> {
  const session = new Session(db);
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("close", () => sockets.delete(socket));
    new Connection(socket, session);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
      await session.idle();
    },
  };
}

/** Hands the one session to one connection at a time; a transaction keeps it. */
class Session {
  readonly #db: PGlite;
  #owner: Connection | null = null;
  #waiting: (() => void)[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: PGlite) {
    this.#db = db;
  }

  async run(connection: Connection, round: Uint8Array): Promise<Uint8Array> {
    while (this.#owner !== null && this.#owner !== connection) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#owner = connection;
    try {
      const running = this.#db.execProtocolRaw(round);
      this.#last = running.catch(() => undefined);
      return await running;
    } finally {
      if (!this.#db.isInTransaction()) this.#free();
    }
  }

  async leave(connection: Connection): Promise<void> {
    await this.#last;
    if (this.#owner !== connection) return;
    if (this.#db.isInTransaction()) await this.#db.exec("ROLLBACK");
    this.#free();
  }

  async idle(): Promise<void> {
    await this.#last;
  }

  #free(): void {
    this.#owner = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #session: Session;
  #buffer: Buffer = Buffer.alloc(0);
  #started = false;
  #work: Promise<void> = Promise.resolve();

  constructor(socket: Socket, session: Session) {
    this.#socket = socket;
    this.#session = session;
    socket.on("data", (chunk) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      if (this.#buffer.byteLength > MAX_ROUND_BYTES) socket.destroy();
      this.#queue(() => this.#drain());
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#queue(() => session.leave(this)));
  }

  #queue(step: () => Promise<void>): void {
    this.#work = this.#work.then(step).catch(() => {
      this.#socket.destroy();
    });
  }

  async #drain(): Promise<void> {
    while (!this.#socket.destroyed) {
      const round = this.#started ? this.#takeRound() : this.#takeStartup();
      if (round === null) return;
      if (round.byteLength === 0) continue;
      const answer = await this.#session.run(this, round);
      if (!this.#socket.destroyed) this.#socket.write(answer);
    }
  }

  /** An empty round: handled here, look again. */
  #takeStartup(): Uint8Array | null {
    if (this.#buffer.byteLength < 8) return null;
    const length = this.#buffer.readInt32BE(0);
    const code = this.#buffer.readInt32BE(4);
    if (this.#buffer.byteLength < length) return null;
    const message = this.#cut(length);
    if (code === SSL_REQUEST) this.#socket.write("N");
    else if (code === CANCEL_REQUEST) this.#socket.destroy();
    else {
      this.#started = true;
      return message;
    }
    return new Uint8Array();
  }

  /** All messages up to the one that ends a round; null while that has not come. */
  #takeRound(): Uint8Array | null {
    let end = 0;
    while (this.#buffer.byteLength >= end + 5) {
      const type = this.#buffer[end];
      end += 1 + this.#buffer.readInt32BE(end + 1);
      if (this.#buffer.byteLength < end) return null;
      if (type === TERMINATE) {
        this.#socket.end();
        return null;
      }
      if (type === SYNC || type === QUERY || !this.#isExtended(type)) return this.#cut(end);
    }
    return null;
  }

  /** Parse, Bind, Describe, Execute, Close, Flush: part of a round that Sync ends. */
  #isExtended(type: number | undefined): boolean {
    return type !== undefined && "PBDECH".includes(String.fromCharCode(type));
  }

  #cut(length: number): Uint8Array {
    const message = new Uint8Array(this.#buffer.subarray(0, length));
    this.#buffer = this.#buffer.subarray(length);
    return message;
  }
}
