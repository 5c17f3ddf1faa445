/**
 * Makes the page: one script, one style sheet, two documents, as the texts of one module that the Worker and the
 * command line bundle. `npm run build:dashboard`; worker/build.js runs it as well.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { outputFiles } = await build({
  entryPoints: [here("main.ts")],
  bundle: true,
  minify: true,
  write: false,
  format: "esm",
  target: ["es2022"],
  outdir: here("../../dist/dashboard"),
});
const texts = {
  script: outputFiles.find(({ path }) => path.endsWith(".js"))?.text,
  style: outputFiles.find(({ path }) => path.endsWith(".css"))?.text,
  dashboard: await readFile(here("index.html"), "utf8"),
  signIn: await readFile(here("sign-in.html"), "utf8"),
};
const lines = Object.entries(texts).map(
  ([name, text]) => `export const ${name} = ${JSON.stringify(text)};\n`,
);
await mkdir(here("../../dist/dashboard"), { recursive: true });
await writeFile(here("../../dist/dashboard/page.js"), lines.join(""));
