#!/usr/bin/env node
// Old syntax on purpose: this file must still be readable by the Node that it refuses.

var needed = [22, 19];
var have = process.versions.node.split(".").map(Number);

if (have[0] < needed[0] || (have[0] === needed[0] && have[1] < needed[1])) {
  process.stderr.write(
    "pixcanary needs Node " +
      needed.join(".") +
      " or newer; this is " +
      process.versions.node +
      "\n",
  );
  process.exitCode = 2;
} else {
  // A connection that hangs while it is set up would hold the process for seconds after its answer.
  // The error of the last write comes a moment after it, and has an exit code of its own.
  const leave = () => setImmediate(() => process.exit());
  // Its answer is whole first: whoever reads a pipe slowly must not get a part of it. Errors count as read.
  const isRead = (stream) =>
    new Promise((resolve) => (stream.writableLength > 0 ? stream.write("", resolve) : resolve()));
  const allRead = () => Promise.all([isRead(process.stdout), isRead(process.stderr)]);
  // Who wants relief waits for nothing else: a bundle of its own, when its verb is the first word.
  const words = process.argv.slice(2);
  const isRelief = ["not-aus", "reduce", "disable"].includes(words[0]);
  // What the further rungs of the ladder need is no part of it.
  const relief = isRelief && !words.some((word) => /^--via(=|$)/.test(word));
  const bundle = relief ? "../dist/cli/relief.js" : "../dist/cli/main.js";
  // Never in /tmp, Node's default: compiled code that somebody else had put there would be run.
  const cacheCode = ([module, os, path, fs]) => {
    const xdg = process.env.XDG_CACHE_HOME;
    const base = xdg && path.isAbsolute(xdg) ? xdg : path.join(os.homedir(), ".cache");
    const home = fs.statSync(os.homedir(), { throwIfNoEntry: false });
    const mine = home !== undefined && (!process.geteuid || home.uid === process.geteuid());
    if (mine) module.enableCompileCache(path.join(base, "pixcanary"));
  };
  const modules = ["node:module", "node:os", "node:path", "node:fs"];
  Promise.all(modules.map((name) => import(name)))
    .then(cacheCode)
    .catch(() => undefined)
    .then(() => import(bundle))
    .then((program) => program.main(process.argv.slice(2)))
    .then(allRead)
    .then(leave);
}
