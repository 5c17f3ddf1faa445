/** What stands above all panels: the state in one word, and what to do. */
import type { Advice, Banner, DashboardDocument } from "../domain/dashboard/document.ts";
import { el, setText } from "./dom.ts";
import { replaceIfOther } from "./panel.ts";
import { agoText, dayAndClock } from "./text.ts";

/** A shape for each word: the state is told without colour, too. */
const SHAPES: Readonly<Record<Banner["word"], string>> = {
  NORMAL: "●",
  REDUCED: "▼",
  DISABLED: "◼",
  EMERGENCY: "⬣",
  RAMP: "▲",
  UNKNOWN: "?",
};

export interface HeadView {
  readonly elements: readonly HTMLElement[];
  update(document: DashboardDocument): void;
}

export function createHead(): HeadView {
  const banner = el("section", { id: "banner", "aria-label": "State" });
  // The banner itself says how long ago, and would be read out each time that changes.
  const announced = el("p", { class: "unseen", role: "alert" });
  const advice = el("section", { id: "advice", "aria-label": "What to do" });
  const copied = el("p", { class: "copied", role: "status" });
  return {
    elements: [announced, banner, advice, copied],
    update(shown) {
      banner.dataset.state = shown.banner.word;
      replaceIfOther(banner, bannerIn(shown));
      setText(announced, `${shown.banner.word}: ${shown.banner.detail}`);
      if (adviceIsOther(advice, shown.advice)) {
        advice.replaceChildren(...adviceIn(shown.advice, copied));
      }
    },
  };
}

function bannerIn({ banner, at }: DashboardDocument): HTMLElement {
  const { word, detail, since, by, why } = banner;
  const when =
    since === null ? null : `since ${dayAndClock(since)}, ${agoText(since, Date.parse(at))}`;
  const said = [when, by === null ? null : `by ${by}`, why === null ? null : `“${why}”`];
  const text = said.filter((part) => part !== null).join(" ");
  return el(
    "div",
    {},
    el("h1", {}, el("span", { "aria-hidden": "true" }, `${SHAPES[word]} `), word),
    el("p", {}, detail),
    text === "" ? null : el("p", {}, text),
  );
}

function adviceIsOther(host: HTMLElement, advice: Advice): boolean {
  const text = JSON.stringify(advice);
  if (host.dataset.shown === text) return false;
  host.dataset.shown = text;
  return true;
}

function adviceIn({ mark, headline, concerns, next }: Advice, copied: HTMLElement): HTMLElement[] {
  const lines = concerns.map((one) => el("li", {}, `${one.mark} ${one.text}`.trim()));
  const todo = el(
    "p",
    { class: "next" },
    "→ ",
    el(next.kind === "command" ? "code" : "span", {}, next.text),
  );
  if (next.kind === "command") todo.append(copyButton(next.text, copied));
  return [
    el("h2", {}, `${mark} ${headline}`.trim()),
    ...(lines.length === 0 ? [] : [el("ul", {}, ...lines)]),
    todo,
  ];
}

function copyButton(text: string, copied: HTMLElement): HTMLElement {
  const button = el("button", { type: "button" }, "Copy");
  button.addEventListener("click", () => {
    navigator.clipboard.writeText(text).then(
      () => setText(copied, "copied"),
      () => setText(copied, "this browser does not let the page copy: select the command"),
    );
  });
  return button;
}
