/**
 * From what was found to what will be made, in an order that is safe to be cut off anywhere: what others
 * name comes before what names it, and pixcanary.json, which all commands read, is last.
 */
import { jobProblems, type LogJob } from "./logpush-fields.ts";
import { jobName, namespaceTitle, type Wanted } from "./wanted.ts";
import { GENERATED } from "./worker-secrets.ts";

export type FileState = "current" | "outdated" | "absent";

export interface Found {
  namespaceId: string | null;
  /** Whether the key has a value, whatever it is. */
  hasConfig: boolean;
  hasStop: boolean;
  hasMediaBucket: boolean;
  hasLogsBucket: boolean;
  job: LogJob | null;
  /** Null: no such Worker is deployed. */
  secretNames: readonly string[] | null;
  /** Secrets of notification channels that the operator has given. */
  givenNames: readonly string[];
  files: { secrets: boolean; qaToken: boolean; secretsPath: string; qaTokenPath: string };
  configFile: { path: string; state: FileState };
  /** Without a path what it must hold is printed. */
  wranglerFile: { path: string | null; state: FileState };
}

export type Maker =
  | { kind: "namespace" | "stop" | "config" | "media-bucket" | "logs-bucket" }
  | { kind: "log-job" }
  | { kind: "repair-log-job"; id: number }
  | { kind: "secret-files" | "wrangler-file" | "config-file" }
  | { kind: "secret"; name: string };

/** Of the API token, by the dashboard's names. */
export type Permission =
  | "Workers KV Storage: Edit"
  | "Workers R2 Storage: Edit"
  | "Logs: Edit"
  | "Workers Scripts: Edit";

export interface Part {
  what: string;
  found: string;
  /** How it is made, and what it is then; null where nothing is to be made. */
  make: { maker: Maker; after: string } | null;
  /** What is left for the operator to do; null where nothing is. */
  left: string | null;
  permission: Permission | null;
}

const KV = "Workers KV Storage: Edit";
const R2 = "Workers R2 Storage: Edit";
const SCRIPTS = "Workers Scripts: Edit";

export function partsOf(wanted: Wanted, found: Found): Part[] {
  return [
    part(KV, "KV namespace", found.namespaceId, { kind: "namespace" }, namespaceTitle(wanted)),
    part(KV, "stop", is(found.hasStop, "is stored"), { kind: "stop" }, "not active"),
    part(
      KV,
      "config",
      is(found.hasConfig, "is stored"),
      { kind: "config" },
      `0 %, tag ${wanted.canaryTag}`,
    ),
    bucket("media-bucket", wanted.mediaBucket, found.hasMediaBucket),
    bucket("logs-bucket", wanted.logsBucket, found.hasLogsBucket),
    logPart(wanted, found),
    secretFilePart(found),
    ...secretParts(wanted, found),
    wranglerPart(wanted, found),
    filePart(found.configFile.path, found.configFile.state, { kind: "config-file" }),
  ];
}

function is(there: boolean, words: string): string | null {
  return there ? words : null;
}

function part(
  permission: Permission | null,
  what: string,
  present: string | null,
  maker: Maker,
  after: string,
): Part {
  const make = present === null ? { maker, after } : null;
  return { what, found: present ?? "none", make, left: null, permission };
}

function bucket(kind: "media-bucket" | "logs-bucket", name: string, there: boolean): Part {
  return part(R2, `R2 bucket ${name}`, is(there, "exists"), { kind }, name);
}

function logPart(wanted: Wanted, { job }: Found): Part {
  const after = `${jobName(wanted)}, to ${wanted.logsBucket}/${wanted.logsPrefix}{DATE}`;
  const problems = job === null ? [] : jobProblems(job);
  const common = { what: "Logpush job", left: null, permission: "Logs: Edit" as const };
  if (job === null) {
    return { ...common, found: "none", make: { maker: { kind: "log-job" }, after } };
  }
  if (problems.length === 0) return { ...common, found: `exists (${job.id})`, make: null };
  const maker = { kind: "repair-log-job", id: job.id } as const;
  return { ...common, found: problems.join("; "), make: { maker, after: "on, with all fields" } };
}

/** Values that this machine does not have: new ones would not be those of the Worker. */
function unknownHere({ files, secretNames }: Found): boolean {
  return !files.secrets && GENERATED.some((name) => secretNames?.includes(name) === true);
}

function secretFilePart(found: Found): Part {
  const { secrets, qaToken, secretsPath, qaTokenPath } = found.files;
  const what = "secret files";
  if (unknownHere(found)) {
    const left = `get ${secretsPath} and ${qaTokenPath} from who set up the Worker: its secrets are not on this machine`;
    return { what, found: "none", make: null, left, permission: null };
  }
  const there = secrets && qaToken;
  const missing = [...(secrets ? [] : [secretsPath]), ...(qaToken ? [] : [qaTokenPath])];
  const after = `${missing.join(", ")} (mode 0600)`;
  const present = secrets || qaToken ? "in part" : "none";
  const make = there ? null : { maker: { kind: "secret-files" } as const, after };
  return { what, found: there ? "exist" : present, make, left: null, permission: null };
}

function secretParts(wanted: Wanted, found: Found): Part[] {
  const { secretNames, givenNames, files } = found;
  if (secretNames === null) {
    const left = `deploy the Worker, then give it ${files.secretsPath} with wrangler secret bulk`;
    const what = `secrets of ${wanted.worker}`;
    return [{ what, found: "the Worker is not deployed", make: null, left, permission: SCRIPTS }];
  }
  const generated = unknownHere(found) ? [] : GENERATED;
  return [...generated, ...givenNames].map((name) => {
    const present = is(secretNames.includes(name), "is set");
    return part(SCRIPTS, `secret ${name}`, present, { kind: "secret", name }, "set");
  });
}

function wranglerPart(wanted: Wanted, { wranglerFile: { path, state } }: Found): Part {
  const what = path ?? "wrangler's file";
  if (path === null || state === "absent") {
    const found = path === null ? "none" : "not edited by this command";
    const left = `put the bindings of ${wanted.env} into it: setup prints them at its end`;
    return { what, found, make: null, left, permission: null };
  }
  return filePart(what, state, { kind: "wrangler-file" });
}

function filePart(path: string, state: FileState, maker: Maker): Part {
  const found = { current: "is as it should be", outdated: "exists", absent: "none" }[state];
  const after = state === "absent" ? "a new file" : "updated; comments and order stay";
  const make = state === "current" ? null : { maker, after };
  return { what: path, found, make, left: null, permission: null };
}
