/** What may come next on a command line, from the commander tree. */
import type { Argument, Command, Option } from "commander";
import { FAULT_NAMES } from "../../domain/drill/faults.ts";
import { RUNG_NAMES } from "../../domain/drill/rungs.ts";
import { lastWords } from "./line-words.ts";

/** Asks the shell for names of files. */
const FILES = ":files";
/** Nobody completes a longer one. */
const MAX_LINE = 8_192;

/** By the long flag, or by the name of an argument; `null` asks for the environments. */
const CHOICES: Readonly<Record<string, readonly string[] | null>> = {
  "--env": null,
  "--cohort": ["native", "proxy"],
  "--level": ["INFO", "WARN", "ERROR"],
  "--guardian": ["off", "observe", "enforce"],
  "--via": ["version", "route"],
  "--severity": ["critical", "warning"],
  "--fault": [...FAULT_NAMES, "all"],
  "--rung": [...RUNG_NAMES, "all"],
  shell: ["bash", "zsh", "fish"],
  kind: ["slack", "status-page", "internal"],
};

export interface Typed {
  /** The command up to the cursor, as typed: quotes and all. */
  line: string;
  /** What the shell will replace of the last word; all of it when undefined. */
  typed: string | undefined;
}

/** One line each: what to insert, a tab, and a description; or `:files`. */
export async function candidates(
  program: Command,
  { line, typed }: Typed,
  environments: () => Promise<readonly string[]>,
): Promise<string[]> {
  if (line.length > MAX_LINE) return [];
  const { before, current, plain } = lastWords(line);
  const place = walk(program, before);
  const found = await offered(place, current, environments);
  if (found === FILES) return plain ? [FILES] : [];
  const start = typed ?? current;
  return found
    .filter(({ word }) => word.startsWith(current))
    .map(({ word, about }) => `${start}${word.slice(current.length)}${about && `\t${about}`}`);
}

interface Place {
  command: Command;
  /** The flag whose value is being typed. */
  open: Option | null;
  /** After `--`, nothing is a flag. */
  onlyWords: boolean;
}

function walk(program: Command, words: readonly string[]): Place {
  const place: Place = { command: program, open: null, onlyWords: false };
  for (const word of words) {
    if (place.open !== null) place.open = null;
    else if (place.onlyWords) continue;
    else if (word === "--") place.onlyWords = true;
    else if (word.startsWith("-")) place.open = valueFlag(place.command, word);
    else {
      const child = place.command.commands.find((one) => one.name() === word);
      place.command = child ?? place.command;
    }
  }
  return place;
}

interface Candidate {
  word: string;
  about: string;
}

async function offered(
  { command, open, onlyWords }: Place,
  current: string,
  environments: () => Promise<readonly string[]>,
): Promise<Candidate[] | typeof FILES> {
  const values = async (key: string, shape: string, start: string) => {
    const known = Object.hasOwn(CHOICES, key) ? (CHOICES[key] ?? (await environments())) : null;
    if (known !== null) return known.map((word) => ({ word: `${start}${word}`, about: "" }));
    return /<path>|<dir>|\[paths/.test(shape) ? FILES : [];
  };
  if (open !== null) return values(open.long ?? "", open.flags, "");
  if (current.startsWith("-") && !onlyWords) {
    const flag = /^--[^=]+(?==)/.exec(current)?.[0];
    if (flag === undefined) return flagsOf(command).map(described);
    const option = valueFlag(command, flag);
    return option === null ? [] : values(flag, option.flags, `${flag}=`);
  }
  const verbs = command.createHelp().visibleCommands(command);
  if (verbs.length > 0) {
    return verbs.map((verb) => ({ word: verb.name(), about: verb.summary() }));
  }
  const [argument] = command.registeredArguments;
  return argument === undefined ? [] : values(argument.name(), nameOf(argument), "");
}

function nameOf(argument: Argument): string {
  return argument.variadic ? `[${argument.name()}...]` : `<${argument.name()}>`;
}

function flagsOf(command: Command): Option[] {
  const help = Object.assign(command.createHelp(), { showGlobalOptions: true });
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
}

function described(option: Option): Candidate {
  return { word: option.long ?? option.flags, about: option.description };
}

/** Null for a flag that takes no value, or brings it along (`--to=5`). */
function valueFlag(command: Command, word: string): Option | null {
  const option = flagsOf(command).find(({ long, short }) => long === word || short === word);
  return option?.required === true || option?.optional === true ? option : null;
}
