/** Ctrl-C and SIGTERM: first say so and finish what was sent, within two seconds; then leave. */
import { signalExitCode } from "./exit.ts";

const GRACE_MS = 2_000;

/** The signal's name becomes the abort reason. A second signal leaves at once. */
export function watchInterrupt(say: (text: string) => void): AbortSignal {
  const controller = new AbortController();
  const onSignal = (signal: "SIGINT" | "SIGTERM") => {
    if (controller.signal.aborted) leave(signal);
    say("! interrupted: reporting what is done; Ctrl-C again to quit now");
    controller.abort(signal);
    setTimeout(() => leave(signal), GRACE_MS).unref();
  };
  process.on("SIGINT", () => onSignal("SIGINT"));
  process.on("SIGTERM", () => onSignal("SIGTERM"));
  return controller.signal;
}

function leave(signal: "SIGINT" | "SIGTERM"): never {
  process.exit(signalExitCode(signal));
}
