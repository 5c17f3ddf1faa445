/** Where log lines go. */
import type { LogLine } from "../../src/domain/logs/line.ts";

export interface LogSink {
  write(line: LogLine): void;
}

/** One JSON string per console call: Logpush keeps it whole. */
export function consoleLogSink(): LogSink {
  return {
    write(line) {
      try {
        console.log(JSON.stringify(line));
      } catch {
        // As with metrics: a log that fails must not fail the request.
      }
    },
  };
}
