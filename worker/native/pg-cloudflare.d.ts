/** The package's own types cannot be found from its `exports`; what we use of them. */
declare module "pg-cloudflare" {
  import type { Duplex } from "node:stream";

  export class CloudflareSocket extends Duplex {
    constructor(ssl: boolean);
    _listen(): Promise<void>;
  }
}
