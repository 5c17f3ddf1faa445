/** Shows a ramp under way: a view redrawn in place, or one line or document per change. */
import { clockTime } from "../../domain/text/format.ts";
import type { Ports } from "../../ports/ports.ts";
import type { RunState } from "./run-state.ts";
import { changeLine, viewLines } from "./text.ts";

export class Teller {
  readonly #ports: Ports;
  #told = "";

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  show(run: RunState): void {
    const { screen, target, clock } = this.#ports;
    const nowMs = clock.now();
    if (screen.inPlace) {
      screen.show(viewLines(run, { target, nowMs, columns: screen.columns }).join("\n"));
      return;
    }
    const text = changeLine(run);
    if (text === this.#told) return;
    this.#told = text;
    if (screen.json)
      screen.document({
        schema: 1,
        at: new Date(nowMs).toISOString(),
        kind: "ramp",
        text,
        ramp: run.ramp,
      });
    else screen.line(`  ${clockTime(nowMs)}  ${text}`);
  }

  /** The report that follows has all of the last view, as it is by then. */
  close(): void {
    this.#ports.screen.clear();
  }
}
