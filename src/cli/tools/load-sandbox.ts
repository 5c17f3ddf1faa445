/** The sandbox, and what it needs beside the program: packages a hundred times the program's size. */
import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { UsageError } from "../errors.ts";

/** Name to version, as package.json has them; the build puts them in. */
declare const PIXCANARY_SANDBOX_PACKAGES: Readonly<Record<string, string>>;

/** Throws a UsageError that says what to install, before anything is started. */
export async function loadSandbox(): Promise<typeof import("../../sandbox/index.ts")> {
  const needed = typeof PIXCANARY_SANDBOX_PACKAGES === "object" ? PIXCANARY_SANDBOX_PACKAGES : {};
  const refused = sandboxProblem(needed, installedVersion);
  if (refused !== null) throw refused;
  return import("../../sandbox/index.ts");
}

/** Null when each package is there, in the version that the sandbox was tested with. */
export function sandboxProblem(
  needed: Readonly<Record<string, string>>,
  installed: (name: string) => string | null,
): UsageError | null {
  const wrong = Object.entries(needed).flatMap(([name, version]) => {
    const found = installed(name);
    if (found === version) return [];
    return [found === null ? `${name} ${version}` : `${name} ${version} (not ${found})`];
  });
  if (wrong.length === 0) return null;
  const all = Object.entries(needed).map(([name, version]) => `${name}@${version}`);
  return new UsageError(
    `the sandbox needs packages that pixcanary does not bring: ${wrong.join(", ")}`,
    `npm install --save-exact ${all.join(" ")}   # where pixcanary is installed; with -g if it is global`,
  );
}

function installedVersion(name: string): string | null {
  try {
    const path = findPackageJSON(name, import.meta.url);
    if (path === undefined) return null;
    const { version } = JSON.parse(readFileSync(path, "utf8")) as { version?: unknown };
    return String(version);
  } catch {
    return null;
  }
}
