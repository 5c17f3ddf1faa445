/** One thing that doctor looks at. */
export interface Check {
  name: string;
  /** `skip`: not looked at, or no verdict of its own: `detail` says why. */
  result: "pass" | "warn" | "fail" | "skip";
  detail: string;
  /** What to do; null where nothing is wrong. */
  fix: string | null;
}

export function passed(name: string, detail: string): Check {
  return { name, result: "pass", detail, fix: null };
}

export function warned(name: string, detail: string, fix: string): Check {
  return { name, result: "warn", detail, fix };
}

export function failed(name: string, detail: string, fix: string): Check {
  return { name, result: "fail", detail, fix };
}

/** One cause is named once: what follows from it points there. */
export function skipped(name: string, cause: string): Check {
  return { name, result: "skip", detail: `not checked: see ${cause}`, fix: null };
}
