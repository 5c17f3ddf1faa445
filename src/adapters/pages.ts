/** The dashboard in a browser of this machine. */
import { LocalError } from "../ports/errors.ts";
import type { Pages } from "../ports/pages.ts";

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ["open"],
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

export function createPages(): Pages {
  return {
    async open(url) {
      // Loaded when it is needed: a stop must not pay for it.
      const { spawn } = process.getBuiltinModule("node:child_process");
      const [command = "", ...words] = OPENERS[process.platform] ?? ["xdg-open"];
      const child = spawn(command, [...words, url], { stdio: "ignore", detached: true });
      const begun = await new Promise<boolean>((resolve) => {
        child.once("spawn", () => resolve(true));
        child.once("error", () => resolve(false));
      });
      if (begun) child.unref();
      return begun;
    },
    /** Its page is a bundle of its own: no other command pays for it. */
    async serve(read, options) {
      const { serveDashboard } = await import("./dashboard-server.ts");
      const problem = await serveDashboard(read, options);
      if (problem !== null) throw new LocalError(problem);
    },
  };
}
