/** The six smoke checks, made by the browser of who looks: with its cookies, from where it is. */

import type { Cohort } from "../domain/decision/decide.ts";
import { COHORT_COOKIE } from "../domain/decision/headers.ts";
import type { Flow, Judged, SmokeName } from "../domain/smoke/upload.ts";
import {
  checkUpload,
  fail,
  inconclusive,
  noData,
  pass,
  SMOKE_CHECKS,
} from "../domain/smoke/upload.ts";
import type { Visit, Visitor } from "../domain/smoke/visit.ts";
import { visitOf } from "../domain/smoke/visit.ts";
import { dataAddress, qaAddress } from "./address.ts";
import { el, setText } from "./dom.ts";

const LIMIT_MS = 10_000;
const MARKS = { pass: "✔", fail: "✖", inconclusive: "!", no_data: "?" } as const;

export function createSmoke(): HTMLElement {
  const isLocal = document.documentElement.dataset.local !== undefined;
  return sectionOf(
    isLocal
      ? [el("p", {}, "Not from this address: pixcanary verify --smoke makes them.")]
      : checksOf(),
  );
}

function sectionOf(parts: readonly HTMLElement[]): HTMLElement {
  const title = el("h2", { id: "smoke-title" }, "Smoke checks");
  const attributes = { id: "smoke", class: "panel", "aria-labelledby": "smoke-title" };
  return el("section", attributes, title, ...parts);
}

function checksOf(): HTMLElement[] {
  const button = el("button", { type: "button" }, "Run the six checks");
  const lines = new Map(SMOKE_CHECKS.map((name) => [name, el("li", {}, `${name}: not run yet`)]));
  const told = (name: SmokeName, { verdict, detail }: Judged): void => {
    const line = lines.get(name);
    if (line !== undefined) setText(line, `${MARKS[verdict]} ${name}: ${detail}`);
  };
  button.addEventListener("click", () => {
    button.disabled = true;
    void runAll(told).finally(() => {
      button.disabled = false;
    });
  });
  return [
    el("p", {}, "Run by this browser, as a visitor; they leave one small file behind."),
    el("p", {}, button),
    el("div", { role: "status" }, el("ul", {}, ...lines.values())),
  ];
}

type Tell = (name: SmokeName, judged: Judged) => void;

async function runAll(told: Tell): Promise<void> {
  const seen: Cohort[] = [];
  const visitor: Visitor = {
    async go(method, to, body) {
      const visit = await send(method, to, body);
      const cohort = visit.decision?.cohort;
      if (cohort !== undefined && !seen.includes(cohort)) seen.push(cohort);
      return visit;
    },
    cohorts: () => seen,
  };
  const flow: Flow = {
    visitor,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    random: () => Math.random(),
    notLoggedIn: "this browser is not logged in to the app: log in there, then run this again",
    content: `pixcanary smoke test, ${new Date().toISOString()}, ${crypto.randomUUID()}\n`,
    wantsNative: false,
  };
  told(
    "CORS",
    noData("not checked: a page cannot act as another origin; pixcanary verify --smoke can"),
  );
  const judge = async (name: SmokeName, work: () => Promise<Judged>): Promise<Judged> => {
    const judged = await work().catch((error: unknown) =>
      error instanceof ElsewhereError ? noData(error.message) : fail("no answer"),
    );
    told(name, judged);
    return judged;
  };
  // First alone: requests of a new visitor that are sent together would each be drawn.
  await judge("credentials", checkCredentials);
  await Promise.all([judge("Worker canary config", checkConfig), checkUpload(flow, judge)]);
}

/** `/qa` refuses who has no token, and no script can read the visitor's cookie. */
async function checkCredentials(): Promise<Judged> {
  const refused = await send("GET", qaAddress());
  if (document.cookie.includes(`${COHORT_COOKIE}=`)) {
    return fail("a script of this page can read the visitor's cookie");
  }
  if (refused.status === 429) return inconclusive("rate limited by /qa (HTTP 429); wait a minute");
  if (refused.status !== 401)
    return fail(`/qa without a token answered HTTP ${refused.status}, not 401`);
  return pass("401 without a token; no script can read the visitor's cookie");
}

/** What decides about this visitor is what the dashboard says now. */
async function checkConfig(): Promise<Judged> {
  const [decided, said] = await Promise.all([send("GET", qaAddress()), send("GET", dataAddress())]);
  const word = (said.json as { banner?: { word?: unknown } } | undefined)?.banner?.word;
  if (decided.decision === null) return fail("no decision header: is this the canary Worker?");
  if (typeof word !== "string" || word === "UNKNOWN")
    return noData("the stored state is not known");
  const { cohort, reason } = decided.decision;
  const shown = `decided ${cohort} (${reason}), the state is ${word}`;
  return (reason === "emergency") === (word === "EMERGENCY") ? pass(shown) : fail(shown);
}

class ElsewhereError extends Error {
  constructor() {
    super("its address is of another host, where this page may not go: pixcanary verify --smoke");
  }
}

async function send(
  method: "GET" | "POST" | "PUT",
  to: string,
  body?: { type: string; content: string },
): Promise<Visit> {
  if (new URL(to, location.href).origin !== location.origin) throw new ElsewhereError();
  const response = await fetch(to, {
    method,
    redirect: "manual",
    signal: AbortSignal.timeout(LIMIT_MS),
    ...(body === undefined ? {} : { body: body.content, headers: { "content-type": body.type } }),
  });
  return visitOf({
    status: response.status,
    header: (name) => response.headers.get(name),
    body: new Uint8Array(await response.arrayBuffer()),
  });
}
