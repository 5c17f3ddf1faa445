import { readFileSync } from "node:fs";
import { defineConfig } from "tsup";

const { version, devDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
  version: string;
  devDependencies: Record<string, string>;
};

/** What the sandbox alone needs, too large to bring: the program says how to install them. */
const SANDBOX_PACKAGES = ["miniflare", "chdb", "@electric-sql/pglite"];

/**
 * Start-up time is response time. Importing `node:process` as a module initialises every stream it
 * has, and `node:child_process` serves only commander's executable subcommands, which we have none of.
 */
const LEAN: Readonly<Record<string, string>> = {
  "node:process": "export default globalThis.process;",
  "node:child_process": "export default {}; export const spawn = undefined;",
};

/** One bundle with its libraries inside, and a smaller one for relief; the sandbox and its chDB process apart, only when used. */
export default defineConfig({
  entry: {
    main: "src/cli/main.ts",
    relief: "src/cli/relief.ts",
    sandbox: "src/sandbox/index.ts",
    "database-probe": "src/adapters/database-probe.ts",
    "dashboard-server": "src/adapters/dashboard-server.ts",
    "sandbox-help": "src/sandbox/control/help.ts",
    "chdb-child": "src/sandbox/analytics/chdb-child.ts",
  },
  format: "esm",
  platform: "node",
  target: "node22",
  outDir: "dist/cli",
  clean: true,
  splitting: false,
  removeNodeProtocol: false,
  minify: true,
  // Says which packages are inside, for their licences.
  metafile: true,
  noExternal: [/^(?!miniflare|workerd|chdb|@electric-sql\/)/],
  external: ["miniflare", "workerd", "chdb", /^@electric-sql\//],
  // Its CommonJS hides what it requires from the bundler.
  esbuildOptions: (options) => {
    options.alias = { "jsonc-parser": "jsonc-parser/lib/esm/main.js" };
  },
  define: {
    PIXCANARY_VERSION: JSON.stringify(version),
    PIXCANARY_SANDBOX_PACKAGES: JSON.stringify(
      Object.fromEntries(SANDBOX_PACKAGES.map((name) => [name, devDependencies[name]])),
    ),
  },
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  esbuildPlugins: [
    {
      name: "lean-start",
      setup(build) {
        const apart = (filter: RegExp, bundle: string) =>
          build.onResolve({ filter }, ({ importer }) =>
            /\/(cli|adapters)\//.test(importer)
              ? { path: `./${bundle}.js`, external: true }
              : undefined,
          );
        apart(/sandbox\/index\.ts$/, "sandbox");
        apart(/sandbox\/control\/help\.ts$/, "sandbox-help");
        apart(/adapters\/database-probe\.ts$/, "database-probe");
        apart(/dashboard-server\.ts$/, "dashboard-server");
        const filter = /^node:(process|child_process)$/;
        build.onResolve({ filter }, ({ path, importer }) =>
          /node_modules.commander/.test(importer) ? { path, namespace: "lean" } : undefined,
        );
        build.onLoad({ filter: /.*/, namespace: "lean" }, ({ path }) => ({
          contents: LEAN[path] ?? "",
        }));
      },
    },
  ],
});
