/** One panel of the page: heading, facts in words, a chart where there is one, and the table with its numbers. */
import type { ChangeMark, Panel, Plot } from "../domain/dashboard/document.ts";
import type { ChartHandle } from "./chart.ts";
import { createChart, plotTable } from "./chart.ts";
import { el, setText } from "./dom.ts";

/** What a panel shows of its data. */
export interface Shown {
  /** One line each, most important first. */
  facts: readonly string[];
  plot?: Plot;
  /** In place of the plot's own. */
  table?: HTMLTableElement;
  /** Drawn without a plot, e.g. the histogram. */
  drawing?: HTMLElement;
}

export interface PanelView {
  readonly element: HTMLElement;
  /** `marks`: changes, drawn into the chart. */
  update(shown: Panel<Shown>, marks: readonly ChangeMark[]): void;
}

/** `opened`: its numbers are shown from the start. */
export function createPanel(id: string, title: string, opened: boolean): PanelView {
  const facts = el("div", { class: "facts" });
  const problem = el("p", { class: "problem", hidden: "" });
  const figure = el("div", { class: "chart", role: "img", "aria-details": `${id}-numbers` });
  const numbers = el("div", { class: "scroll", id: `${id}-numbers`, tabindex: "0" });
  numbers.setAttribute("role", "region");
  numbers.setAttribute("aria-label", `Numbers: ${title}`);
  const details = el(
    "details",
    { open: opened ? "" : null },
    el("summary", {}, "Numbers"),
    numbers,
  );
  const heading = el("h2", { id: `${id}-title` }, el("a", { href: `#${id}` }, title));
  const element = el(
    "section",
    { id, class: "panel", "aria-labelledby": `${id}-title` },
    heading,
    facts,
    problem,
    figure,
    details,
  );
  let chart: ChartHandle | null = null;
  return {
    element,
    update(shown, marks) {
      problem.hidden = shown.ok;
      for (const part of [facts, figure, details]) part.hidden = !shown.ok;
      if (!shown.ok) {
        setText(problem, `✖ no data: ${shown.problem}`);
        return;
      }
      const { plot, table, drawing } = shown.data;
      showLines(facts, shown.data.facts);
      figure.hidden = plot === undefined && drawing === undefined;
      figure.setAttribute("aria-label", `Chart: ${title}. ${shown.data.facts[0] ?? ""}`);
      if (plot !== undefined) {
        chart ??= createChart(figure);
        chart.update(plot, marks);
      }
      if (drawing !== undefined) replaceIfOther(figure, drawing);
      const rows = table ?? (plot === undefined ? undefined : plotTable(title, plot));
      details.hidden = rows === undefined;
      if (rows !== undefined) replaceIfOther(numbers, rows);
    },
  };
}

export function showLines(host: HTMLElement, lines: readonly string[]): void {
  while (host.children.length > lines.length) host.lastElementChild?.remove();
  for (const [nth, line] of lines.entries()) {
    const known = host.children.item(nth);
    if (known === null) host.append(el("p", {}, line));
    else setText(known, line);
  }
}

/** What is selected or scrolled stays, as long as nothing has changed. */
export function replaceIfOther(host: HTMLElement, next: HTMLElement): void {
  const [known] = host.children;
  if (known?.isEqualNode(next) !== true) host.replaceChildren(next);
}
