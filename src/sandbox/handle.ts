/** A sandbox that runs. */
import type { SandboxControl } from "./control/control.ts";
import type { SandboxDescription } from "./types.ts";

export interface Sandbox {
  description: SandboxDescription;
  /** What the HTTP control API does, without HTTP. */
  control: SandboxControl;
  /** Ends everything that was started: processes, listeners, files. May be called twice. */
  close(): Promise<void>;
}
