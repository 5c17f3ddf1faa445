/** A TCP port in front of another: can refuse, break off and slow down what passes. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export interface SwitchSettings {
  /** True: present connections are reset, new ones too. */
  down: boolean;
  /** Added to each chunk in each direction. */
  latencyMs: number;
}

export class TcpSwitch {
  readonly settings: SwitchSettings = { down: false, latencyMs: 0 };
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  /** The port on loopback. */
  async start(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  set(settings: Partial<SwitchSettings>): void {
    Object.assign(this.settings, settings);
    if (this.settings.down) this.#reset();
  }

  async close(): Promise<void> {
    this.#reset();
    for (const timer of this.#timers) clearTimeout(timer);
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  #reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #join(client: Socket): void {
    if (this.settings.down) {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on("data", (chunk) => this.#later(() => to.write(chunk)));
      from.on("end", () => this.#later(() => to.end()));
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        this.#later(() => to.destroy());
      });
    }
  }

  /** Timers of equal delay fire in the order of their start, so the bytes keep theirs. */
  #later(step: () => void): void {
    if (this.settings.latencyMs === 0 && this.#timers.size === 0) {
      step();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      step();
    }, this.settings.latencyMs);
    this.#timers.add(timer);
  }
}
