/**
 * `node scripts/third-party.ts`: writes dist/THIRD-PARTY-NOTICES.txt, the licences of what the bundlers
 * put into the bundles, by their own record of it. Fails for a licence that nobody has looked at yet.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** They ask that their text goes with the code, and no more. */
const ACCEPTED = ["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause"];

/** Written by the builds; the paths inside are relative to the second folder. */
const RECORDS = [
  ["dist/cli/metafile-esm.json", "."],
  ["dist/worker/bundle-meta.json", "worker"],
  ["dist/dashboard/bundle-meta.json", "."],
] as const;

interface Record {
  outputs: { [file: string]: { inputs: { [path: string]: { bytesInOutput: number } } } };
}

/** The folders of the packages whose code is in a bundle. */
export function packagesIn(record: Record, base: string): string[] {
  const inputs = Object.values(record.outputs).flatMap((output) => Object.entries(output.inputs));
  const used = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path);
  const folders = used.flatMap((path) => {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
    return folder === undefined ? [] : [resolve(base, folder)];
  });
  return [...new Set(folders)];
}

/** Title and text. Throws where a package names no licence that is accepted, or brings no text. */
export function noticeOf(folder: string): { title: string; text: string } {
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  ) as { name: string; version: string; license?: string };
  const title = `${name} ${version} (${license ?? "no licence named"})`;
  if (license === undefined || !ACCEPTED.includes(license)) {
    throw new Error(`${title}: read this licence, then add it to scripts/third-party.ts`);
  }
  const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)(\.\w+)?$/i.test(file));
  const text = texts.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n");
  const found = text === "" ? fromReadme(folder) : text;
  if (found === "") throw new Error(`${title}: has no licence text`);
  return { title, text: found };
}

/** Some have it nowhere else. */
function fromReadme(folder: string): string {
  const path = join(folder, "README.md");
  if (!existsSync(path)) return "";
  const section = /^#+ licen[cs]e\s*$([\s\S]*?)(?=^#|$(?![\s\S]))/im.exec(
    readFileSync(path, "utf8"),
  );
  return section?.[1]?.trim() ?? "";
}

/** Everything, in the order of the names. */
export function notices(folders: readonly string[]): string {
  const each = folders.map(noticeOf).sort((a, b) => a.title.localeCompare(b.title, "en"));
  return [
    "pixcanary contains code of these packages, each under its own licence:",
    each.map(({ title }) => `  ${title}`).join("\n"),
    ...each.map(({ title, text }) => `${"=".repeat(78)}\n${title}\n\n${text}`),
  ]
    .join("\n\n")
    .concat("\n");
}

if (import.meta.main) {
  const root = dirname(import.meta.dirname);
  const folders = RECORDS.flatMap(([file, base]) =>
    packagesIn(JSON.parse(readFileSync(join(root, file), "utf8")) as Record, join(root, base)),
  );
  writeFileSync(join(root, "dist/THIRD-PARTY-NOTICES.txt"), notices([...new Set(folders)]));
}
