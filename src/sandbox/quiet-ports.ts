/**
 * Ports that somebody gives back now and then and has to get back: a runtime that starts anew, an API that is out. They
 * are below those that systems hand out to whoever asks for any, or connects from any (from 32,768 on Linux); and a UDP
 * socket of the same number, where nothing ever speaks, tells other sandboxes that one is taken while nobody listens.
 */
import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

const LOWEST = 20_000;
const BEYOND = 32_768;
const TRIES = 1_000;

export class QuietPorts {
  readonly #lowest: number;
  readonly #beyond: number;
  readonly #marks: Socket[] = [];

  constructor({ lowest = LOWEST, beyond = BEYOND } = {}) {
    this.#lowest = lowest;
    this.#beyond = beyond;
  }

  /** On loopback, where nobody listens now. Rejects where it finds none. */
  async take(): Promise<number> {
    for (let left = TRIES; left > 0; left -= 1) {
      const port = randomInt(this.#lowest, this.#beyond);
      if ((await this.#mark(port)) && (await isFree(port))) return port;
    }
    throw new Error(`found no free port from ${this.#lowest} to ${this.#beyond - 1}`);
  }

  async close(): Promise<void> {
    const closing = this.#marks.splice(0).map((mark) => {
      const closed = once(mark, "close");
      mark.close();
      return closed;
    });
    await Promise.all(closing);
  }

  async #mark(port: number): Promise<boolean> {
    const mark = createSocket("udp4");
    try {
      mark.bind(port, "127.0.0.1");
      await once(mark, "listening");
    } catch {
      mark.close();
      return false;
    }
    // Alone, it keeps no process running.
    mark.unref();
    this.#marks.push(mark);
    return true;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
