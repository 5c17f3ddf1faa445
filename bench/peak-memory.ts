/** How much memory a Node program had at its peak. Linux only. */

/**
 * For `node --import`: says it on standard error as the program ends. Not `maxRSS`: Linux lets a child
 * begin with the peak of the process that started it.
 */
export const REPORT_PEAK = `data:text/javascript,${encodeURIComponent(
  "import { readFileSync } from 'node:fs';" +
    "const peak = () => /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];" +
    "process.on('exit', () => process.stderr.write('peak ' + peak()));",
)}`;

/** NaN when it was not said. */
export function peakKibIn(stderr: string): number {
  return Number(/peak (\d+)/.exec(stderr)?.[1]);
}
