/** Metrics and logs. */
import { inSandbox, type Row } from "./row.ts";

export const SIGHT: Row[] = [
  {
    name: "a dataset that nothing was written to",
    breaks: () => ({ settings: { dataset: "nothing_here" } }),
    finds: ["warn", "metrics", /nothing_here/, /check "dataset" in pixcanary\.json/],
  },
  {
    name: "no dataset configured",
    breaks: () => ({ settings: { dataset: undefined } }),
    finds: ["warn", "metrics", /no dataset configured/, /set "dataset"/],
  },
  {
    name: "a logs bucket that does not exist",
    breaks: () => ({ settings: { logsBucket: "no-such-bucket" } }),
    finds: ["warn", "logs", /HTTP 404/, /check "logsBucket" .*pixcanary setup/],
  },
  {
    name: "no logs bucket configured",
    breaks: () => ({ settings: { logsBucket: undefined } }),
    finds: ["warn", "logs", /no logs bucket configured/, /set "logsBucket"/],
  },
  {
    name: "no Logpush job",
    breaks: ({ control }) => inSandbox(control.account.jobs.splice(0)),
    finds: ["warn", "Logpush", /no job delivers the logs of pix-sandbox/, /^pixcanary setup /],
  },
  {
    name: "a Logpush job that is off",
    breaks: ({ control }) =>
      inSandbox(Object.assign(control.account.jobs[0] ?? {}, { enabled: false })),
    finds: ["warn", "Logpush", /job 1 is off/, /^pixcanary setup /],
  },
  {
    name: "a Logpush job without the fields of an error",
    breaks: ({ control }) =>
      inSandbox(
        Object.assign(control.account.jobs[0] ?? {}, {
          output_options: { field_names: ["Event"] },
        }),
      ),
    finds: ["warn", "Logpush", /job 1 lacks .*Logs/, /^pixcanary setup /],
  },
  {
    name: "another name of the Worker",
    breaks: () => ({ settings: { worker: "pix-other" } }),
    finds: ["warn", "tail", /HTTP 404/, /check "worker" in pixcanary\.json/],
  },
];
