/**
 * Which commands and options wrangler has, from the definitions that it parses its command line with.
 * Each `wrangler … --help` would say the same for a second of work.
 */
import { experimental_getWranglerCommands as wranglerCommands } from "wrangler";

interface Option {
  alias?: string | readonly string[];
  hidden?: boolean;
}

const { registry, globalFlags } = wranglerCommands();

/**
 * The options of `wrangler <words>` that its help shows, dashes included; null when there is no such
 * command. Words left over after a command's name are values for it, if it takes that many.
 */
export function wranglerOptions(words: readonly string[]): ReadonlySet<string> | null {
  let node = registry;
  let named = 0;
  for (const word of words) {
    const next = node.subtree.get(word);
    if (next === undefined) break;
    node = next;
    named += 1;
  }
  const definition = node.definition?.type === "command" ? node.definition : null;
  if (words.length - named > (definition?.positionalArgs?.length ?? 0)) return null;
  const positional = new Set<string>(definition?.positionalArgs);
  const own = Object.entries<Option>(definition?.args ?? {});
  const all = [
    ...own.filter(([name]) => !positional.has(name)),
    ...Object.entries(globalFlags as Record<string, Option>),
  ];
  const shown = all.filter(([, option]) => option.hidden !== true);
  const names = shown.flatMap(([name, option]) => [name, ...[option.alias ?? []].flat()]);
  return new Set(["--help", "-h", ...names.map(withDashes)]);
}

function withDashes(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
