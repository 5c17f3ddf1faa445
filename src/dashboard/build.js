/**
 * Makes the page: one script, one style sheet, two documents, as the texts of one module that the Worker and the
 * command line bundle: runs before either of them.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { outputFiles, metafile } = await build({
  absWorkingDir: here("../.."),
  entryPoints: [here("main.ts")],
  bundle: true,
  minify: true,
  write: false,
  // Says which packages are inside, for their licences.
  metafile: true,
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
/** Whole or not at all: the Worker and the command line may be bundled at once. */
async function write(name, text) {
  const scratch = here(`../../dist/dashboard/${process.pid}-${name}`);
  await writeFile(scratch, text);
  await rename(scratch, here(`../../dist/dashboard/${name}`));
}

await mkdir(here("../../dist/dashboard"), { recursive: true });
await write("page.js", lines.join(""));
await write("bundle-meta.json", JSON.stringify(metafile));
