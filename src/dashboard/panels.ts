/** What each panel shows of the document, in the order in which an on-call person asks. */
import type { DashboardDocument, Panel } from "../domain/dashboard/document.ts";
import { phaseName } from "../domain/dashboard/phase-name.ts";
import { coloName } from "../domain/proof/colo-name.ts";
import { counted, countText, percentText, share } from "../domain/text/format.ts";
import { addressOf } from "./address.ts";
import { el, table } from "./dom.ts";
import { histogramDrawing, histogramTable } from "./histogram.ts";
import type { Shown } from "./panel.ts";
import { clock, dayAndClock, dayAndSecond } from "./text.ts";

export interface PanelDef {
  id: string;
  title: string;
  /** Its numbers are shown from the start. */
  opened?: true;
  show(document: DashboardDocument): Panel<Shown>;
}

function showing<T>(panel: Panel<T>, show: (data: T) => Shown): Panel<Shown> {
  return panel.ok ? { ok: true, data: show(panel.data) } : panel;
}

export const PANELS: readonly PanelDef[] = [
  {
    id: "share",
    title: "Share: configured and achieved",
    show: ({ present }) =>
      showing(present.share, (s) => {
        const achieved = s.achieved === null ? "unknown" : percentText(s.achieved);
        const chance =
          s.tolerance === null ? "" : `, chance explains ± ${percentText(s.tolerance)}`;
        return {
          facts: [
            `configured ${share(s.configured)} · achieved ${achieved}${chance}`,
            `${s.detail} (${s.verdict})`,
            `${counted(s.sampled, "new visitor")} since the share was set`,
          ],
        };
      }),
  },
  {
    id: "requests",
    title: "Requests by cohort",
    show: ({ figures }) =>
      showing(figures.requests, ({ plot, native, proxy }) => {
        const all = native + proxy;
        const part = all > 0 ? ` · native has ${percentText((100 * native) / all)}` : "";
        return {
          facts: [`native ${countText(native)} · proxy ${countText(proxy)}${part}`],
          plot,
        };
      }),
  },
  {
    id: "errors",
    title: "Error rate by phase and cohort",
    show: ({ figures }) =>
      showing(figures.errors, ({ plot, totals }) => ({
        facts: totals.map(({ cohort, phase, requests, errors }) => {
          const rate = requests > 0 ? percentText((100 * errors) / requests) : "–";
          return `${cohort} ${phaseName(phase)}: ${rate}, ${countText(errors)} of ${counted(requests, "request")}`;
        }),
        plot,
      })),
  },
  {
    id: "latency",
    title: "Latency by cohort: p50, p90, p99",
    show: ({ figures }) =>
      showing(figures.latency, ({ plot }) => {
        const newest = (name: string): string => {
          const values = plot.curves.find((curve) => curve.name === name)?.values ?? [];
          const nth = values.findLastIndex((known) => known !== null);
          const [value, at] = [values[nth] ?? null, plot.t[nth]];
          return value === null || at === undefined
            ? "–"
            : `${countText(value)} ms at ${clock(at)}`;
        };
        return {
          facts: [`newest p90: native ${newest("native p90")} · proxy ${newest("proxy p90")}`],
          plot,
        };
      }),
  },
  {
    id: "histogram",
    title: "Latency histogram, native over proxy",
    show: ({ figures }) =>
      showing(figures.histogram, ({ bins, native, proxy }) => ({
        facts: [
          `native: ${counted(native, "request")} · proxy: ${counted(proxy, "request")}; in percent of each, by ms`,
        ],
        drawing: histogramDrawing(bins),
        table: histogramTable(bins),
      })),
  },
  {
    id: "timeline",
    title: "Rollout timeline",
    opened: true,
    show: ({ timeline }) =>
      showing(timeline, ({ plot, marks, cut }) => ({
        facts: [
          marks.length === 0
            ? `no change in this range${cut ? " is known" : ""}`
            : `${counted(marks.length, "entry", "entries")} in the journal`,
          ...(cut ? ["older entries: pixcanary history"] : []),
        ],
        plot,
        table: table(
          "Changes, newest first",
          ["when", "who", "what", "why", "proved"],
          marks
            .map(({ at: when, who, what, why, proof }) => [
              // Without its age: a row that changes would take the keyboard's focus with it.
              el("a", { href: addressOf(`around:${when}`) }, dayAndClock(when)),
              who,
              what,
              why ?? "–",
              proof,
            ])
            .toReversed(),
        ),
      })),
  },
  {
    id: "locations",
    title: "Locations since the last change",
    opened: true,
    show: ({ present }) =>
      showing(present.locations, (locations) => {
        const behind = locations.filter(
          ({ state }) => state === "lagging" || state === "reappeared",
        );
        const names = behind.map(({ colo }) => coloName(colo)).join(", ");
        return {
          facts: [
            locations.length === 0
              ? "no request since the change: nothing is known"
              : behind.length === 0
                ? `none of ${counted(locations.length, "location")} is seen behind`
                : `behind: ${names}`,
          ],
          table: table(
            "Locations since the last change",
            [
              "location",
              "state",
              "requests",
              "took",
              "by another state",
              "last seen",
              "revision",
              "the other",
            ],
            locations.map((one) => [
              coloName(one.colo),
              one.state,
              countText(one.requests),
              one.propagation_s === null ? "–" : `${one.propagation_s} s`,
              countText(one.old_requests),
              one.last_old_s === null ? "–" : dayAndSecond(one.last_old_s),
              one.new_revision ?? "–",
              one.old_revision ?? "–",
            ]),
          ),
        };
      }),
  },
  {
    id: "failures",
    title: "R2 and database failures of native",
    show: ({ figures }) =>
      showing(figures.failures, ({ plot, r2, database }) => ({
        facts: [`R2 ${countText(r2)} · database ${countText(database)}`],
        plot,
      })),
  },
  {
    id: "orphans",
    title: "Orphaned intents",
    show: ({ present }) =>
      showing(present.orphans, ({ intents, finalized, limit, minutes }) => ({
        facts: [
          `${countText(Math.max(0, intents - finalized))} of ${counted(intents, "intent")} without an upload`,
          `made within ${minutes} min; more than ${limit} is a finding`,
        ],
      })),
  },
  {
    id: "error-groups",
    title: "Top error groups",
    opened: true,
    show: ({ figures }) =>
      showing(figures.error_groups, (groups) => ({
        facts: [
          groups.length === 0
            ? "no answer of 500 or more in this range"
            : "for messages and ray ids: pixcanary logs errors",
        ],
        ...(groups.length > 0 && {
          table: table(
            "Answers of 500 and more",
            ["route", "cohort", "status", "errors", "first", "last"],
            groups.map(({ route, cohort, status, errors, firstS, lastS }) => [
              route,
              cohort,
              String(status),
              countText(errors),
              dayAndSecond(firstS),
              dayAndSecond(lastS),
            ]),
          ),
        }),
      })),
  },
  {
    id: "backends",
    title: "Backends",
    show: ({ backends, place }) => ({
      ok: true,
      data: {
        facts: (["native", "proxy"] as const).map((name) => {
          const { status, problem } = backends[name];
          return `${name}: ${status}${problem === null ? "" : `, ${problem}`} (as seen from ${place})`;
        }),
      },
    }),
  },
];
