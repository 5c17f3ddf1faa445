/** Asks for the data every ten seconds while somebody looks, and knows how old what is shown has become. */
import type { DashboardDocument } from "../domain/dashboard/document.ts";
import { DASHBOARD_SCHEMA } from "../domain/dashboard/document.ts";
import { dataAddress } from "./address.ts";

const EVERY_MS = 10_000;
const LIMIT_MS = 15_000;
/** Data older than this are marked: two rounds were lost. */
export const OLD_MS = 30_000;

export type Answer =
  | { kind: "data"; document: DashboardDocument }
  | { kind: "signed-out" }
  /** The page is older or newer than what answers. */
  | { kind: "other-schema" }
  | { kind: "problem"; why: string };

async function ask(): Promise<Answer> {
  const response = await fetch(dataAddress(), {
    signal: AbortSignal.timeout(LIMIT_MS),
    headers: { accept: "application/json" },
    // Access sends whose session is over to its own sign-in.
    redirect: "manual",
  });
  if (response.status === 401 || response.type === "opaqueredirect") return { kind: "signed-out" };
  if (!response.ok) return { kind: "problem", why: await whyOf(response) };
  const document: DashboardDocument = await response.json();
  if (document.schema !== DASHBOARD_SCHEMA) return { kind: "other-schema" };
  return { kind: "data", document };
}

async function whyOf(response: Response): Promise<string> {
  const body = (await response.json().catch(() => null)) as { error?: unknown } | null;
  const error = typeof body?.error === "string" ? `: ${body.error}` : "";
  return `HTTP ${response.status}${error}`;
}

function problemOf(error: unknown): Answer {
  const late = error instanceof DOMException && error.name === "TimeoutError";
  return { kind: "problem", why: late ? "no answer in time" : "no connection" };
}

/** Tells each answer, one at a time; pauses while the page is hidden, and asks at once when it is shown. */
export function keepAsking(told: (answer: Answer) => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  const round = async (): Promise<void> => {
    if (asking) return;
    clearTimeout(timer);
    asking = true;
    try {
      told(await ask().catch(problemOf));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      told({ kind: "problem", why: `this page failed: ${why}` });
    } finally {
      asking = false;
      if (!document.hidden) timer = setTimeout(() => void round(), EVERY_MS);
    }
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) void round();
  });
  // Back from the browser's memory, where its timers ended.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) void round();
  });
  void round();
}
