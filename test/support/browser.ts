/** A real browser: Debian's `chromium`, or what PIXCANARY_CHROMIUM names. It is not installed by npm. */
import { accessSync, constants } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Null where there is none. */
export const CHROMIUM =
  [process.env.PIXCANARY_CHROMIUM ?? "", ...PLACES].find(
    (path) => path !== "" && isProgram(path),
  ) ?? null;

/** For the names of tests that are skipped. */
export const NEEDS_BROWSER =
  CHROMIUM === null ? " (skipped: no browser; on Debian: apt-get install chromium)" : "";

export function startBrowser(): Promise<Browser> {
  if (CHROMIUM === null) throw new Error("no browser");
  // As root it needs this; the pages are our own.
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}
