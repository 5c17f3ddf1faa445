/** The page, put together: built once, then every answer goes into what is there. */
import type { DashboardDocument } from "../domain/dashboard/document.ts";
import { LAST_RANGES } from "../domain/dashboard/range.ts";
import { addressOf, rangeInAddress } from "./address.ts";
import { byId, el, setText } from "./dom.ts";
import { createHead } from "./head.ts";
import { createPanel } from "./panel.ts";
import { PANELS } from "./panels.ts";
import type { Answer } from "./refresh.ts";
import { keepAsking, OLD_MS } from "./refresh.ts";
import { createSmoke } from "./smoke.ts";
import { agoText } from "./text.ts";
import "uplot/dist/uPlot.min.css";
import "./style.css";

const head = createHead();
const panels = PANELS.map((def) => ({
  def,
  view: createPanel(def.id, def.title, def.opened === true),
}));
const trouble = el("p", { id: "trouble", class: "problem", role: "alert", hidden: "" });
let newest: DashboardDocument | null = null;

byId("main").append(
  trouble,
  ...head.elements,
  el("div", { class: "panels" }, ...panels.map(({ view }) => view.element), createSmoke()),
);
showRanges();
keepAsking(told);
setInterval(showAge, 1_000);

function told(answer: Answer): void {
  switch (answer.kind) {
    case "data":
      newest = answer.document;
      show(answer.document);
      say(null);
      break;
    case "signed-out":
      // The page itself answers with the sign-in then.
      location.reload();
      break;
    case "other-schema":
      say("this page is of another version than its data: reload it");
      break;
    default:
      say(`no answer: ${answer.why}. On the command line: pixcanary status`);
  }
  showAge();
}

function show(shown: DashboardDocument): void {
  setText(byId("place"), `pixcanary → ${shown.environment}, as seen from ${shown.place}`);
  head.update(shown);
  const marks = shown.timeline.ok ? shown.timeline.data.marks : [];
  for (const { def, view } of panels) {
    try {
      view.update(def.show(shown), marks);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      view.update({ ok: false, problem }, []);
    }
  }
}

function say(problem: string | null): void {
  trouble.hidden = problem === null;
  if (problem !== null) setText(trouble, `✖ ${problem}`);
}

/** How old what is shown is, by this machine's clock since it came: no clock is compared with another. */
let shownAtMs = performance.now();
function showAge(): void {
  if (newest === null) return;
  if (byId("age").dataset.at !== newest.at) {
    byId("age").dataset.at = newest.at;
    shownAtMs = performance.now();
  }
  const oldMs = performance.now() - shownAtMs;
  const isOld = oldMs > OLD_MS;
  document.body.classList.toggle("old", isOld);
  const title = `${newest.banner.word} · ${newest.environment} · pixcanary`;
  document.title = isOld ? `OLD: ${title}` : title;
  const metrics = agoText(newest.figures.at, Date.parse(newest.at) + oldMs);
  const sampled = newest.figures.sampled ? " · sampled: figures are estimates" : "";
  const state = isOld ? `OLD: state of ${Math.round(oldMs / 1_000)} s ago` : "state now";
  setText(byId("age"), `${state} · metrics asked ${metrics}${sampled}`);
}

function showRanges(): void {
  const current = rangeInAddress();
  const known = [...LAST_RANGES, ...(current?.startsWith("around:") === true ? [current] : [])];
  byId("ranges").replaceChildren(
    ...known.map((range) =>
      el(
        "a",
        {
          href: addressOf(range),
          "aria-current": range === (current ?? "1h") ? "true" : null,
        },
        range,
      ),
    ),
  );
}
