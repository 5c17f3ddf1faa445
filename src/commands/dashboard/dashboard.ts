/**
 * Opens the dashboard that the Worker serves, or serves the same page on this machine with the operator's own
 * tokens, for when the Worker is the problem. Reads only.
 */

import * as z from "zod";
import { dashboardAddress } from "../../domain/dashboard/page.ts";
import { MAX_TIMER_MS } from "../../domain/lib/duration.ts";
import type { Ports } from "../../ports/ports.ts";
import type { Given, Outcome, ReadingVerb } from "../command.ts";
import { interruptedBy } from "../command.ts";
import { onOff } from "../flag.ts";
import { invocation } from "../lib/format.ts";
import { createDashboardReader } from "./reader.ts";

const input = z.object({
  local: onOff("--local", "serve the page from this machine, with your own tokens, until Ctrl-C"),
  print: onOff("--print", "print the address, open no browser"),
});

export interface DashboardData {
  /** Null: no /qa address is configured. */
  address: string | null;
  opened: boolean;
}

export const dashboard: ReadingVerb<typeof input, DashboardData> = {
  name: "dashboard",
  summary: "Open the dashboard in the browser",
  details:
    "The Worker serves it beside /qa, and asks for the /qa token. With --local the same page comes from this " +
    "machine, which asks the API, the metrics and every /qa with your own tokens: for when the Worker is the " +
    "problem. Changes nothing.",
  examples: [
    "pixcanary dashboard --env production",
    "pixcanary dashboard --env production --local",
    "pixcanary dashboard --env production --print",
  ],
  anyHost: true,
  streams: true,
  timeoutMs: MAX_TIMER_MS,
  input,
  run: (given, ports) => (given.local ? serve(given, ports) : open(given, ports)),
  render: ({ kind, ...outcome }) => {
    if (kind !== "done" || !("data" in outcome) || outcome.data === undefined) return "";
    const { address, opened } = outcome.data;
    return `  ${opened ? "opening" : "address"}   ${address}`;
  },
};

/** A script wants the address, and nobody sits before its browser. */
function opens(print: boolean, { screen }: Pick<Ports, "screen">): boolean {
  return !print && !screen.json && screen.inPlace;
}

async function open({ print }: Given<typeof input>, ports: Ports): Promise<Outcome<DashboardData>> {
  const address = dashboardAddress(ports.qa.urls);
  if (address === null) {
    return {
      kind: "failed",
      code: "usage",
      message: "the dashboard's address is not known: the first of qaUrls must end in /qa",
      truth: "nothing was opened",
      next: invocation(ports.target, "dashboard --local"),
    };
  }
  const opened = opens(print, ports) && (await ports.pages.open(address));
  return { kind: "done", changed: false, data: { address, opened } };
}

async function serve(
  { print }: Given<typeof input>,
  ports: Ports,
): Promise<Outcome<DashboardData>> {
  const reader = createDashboardReader(ports);
  let address: string | null = null;
  await ports.pages.serve((range) => reader.read(range), {
    signal: ports.interrupt,
    ready(url) {
      address = url;
      if (ports.screen.json) ports.screen.document({ schema: 1, address: url });
      else {
        ports.screen.line("dashboard for one browser, once; Ctrl-C to stop:");
        ports.screen.line(`  ${url}`);
      }
      if (opens(print, ports)) void ports.pages.open(url);
    },
  });
  const signal = interruptedBy(ports.interrupt) ?? "SIGINT";
  const next = invocation(ports.target, "status");
  const data = { address, opened: false };
  return { kind: "interrupted", signal, truth: "nothing was changed", next, data };
}
