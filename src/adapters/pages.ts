/** The dashboard in a browser of this machine. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { LocalError } from "../ports/errors.ts";
import type { Pages } from "../ports/pages.ts";

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

export function createPages(): Pages {
  return {
    async open(url) {
      const [command = "", ...words] = OPENERS[process.platform] ?? ["xdg-open"];
      const child = spawn(command, [...words, url], { stdio: "ignore", detached: true });
      try {
        await once(child, "spawn");
      } catch {
        return false;
      }
      child.unref();
      return true;
    },
    /** Its page is a bundle of its own: no other command pays for it. */
    async serve(read, options) {
      const { serveDashboard } = await import("./dashboard-server.ts");
      const problem = await serveDashboard(read, options);
      if (problem !== null) throw new LocalError(problem);
    },
  };
}
