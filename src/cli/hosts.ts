/** Which hosts an environment's tokens would go to, and whether the operator has allowed them. */
import { dirname } from "node:path";
import { type HostList, loadAllowedHosts, ownConfigDir } from "../adapters/allowed-hosts.ts";
import type { Secret } from "../adapters/secrets.ts";
import { examinePath } from "../adapters/trusted-path.ts";
import type { Environment } from "../domain/config/environment.ts";
import { apiBaseUrlOf } from "../domain/config/environment.ts";
import type { TokenHost } from "../domain/config/token-hosts.ts";
import { allowCommand, hostOf, mayGetToken, strangersIn } from "../domain/config/token-hosts.ts";
import { PAGERDUTY_URL } from "../domain/notices/pagerduty.ts";
import { escapeForTerminal } from "../domain/text/escape.ts";
import type { Ports } from "../ports/ports.ts";
import { UsageError } from "./errors.ts";
import type { GlobalFlags } from "./program.ts";
import type { Shell } from "./shell.ts";

interface Asked {
  qaToken: Secret | null;
  flags: GlobalFlags;
  shell: Shell;
  relief: boolean;
  anyHost?: boolean;
}

/** Throws UsageError for a host that is not allowed, but for what goes on without the token. */
export async function checkedHosts(
  configPath: string,
  environment: Environment,
  { qaToken, flags, shell, relief, anyHost }: Asked,
): Promise<HostList> {
  const sources = { env: shell.env, home: shell.home, option: flags.allowHost };
  const allowed = await loadAllowedHosts(sources);
  const list = await withOwn(configPath, environment, allowed, ownConfigDir(sources));
  const strangers = strangersIn(environment.qaUrls, list.hosts);
  if (qaToken === null || strangers.length === 0 || anyHost === true) return list;
  const why = list.problem === null ? "" : ` (${escapeForTerminal(list.problem)})`;
  const what = `not in your allowed hosts, so the /qa token is not sent: ${strangers.join(", ")}${why}`;
  const allow = allowCommand(strangers, list.file);
  if (!relief) throw new UsageError(what, allow);
  shell.console.err(`! continuing without the /qa token: ${what}\n  to allow: ${allow}`);
  return list;
}

/** A configuration in your own folder speaks for you, as the list of hosts beside it does. */
async function withOwn(
  configPath: string,
  environment: Environment,
  list: HostList,
  ownDir: string,
): Promise<HostList> {
  if (dirname(configPath) !== ownDir) return list;
  if ((await examinePath(configPath)).problem !== null) return list;
  const own = [...environment.qaUrls, environment.notify?.webhook?.url ?? ""].map(hostOf);
  return { ...list, hosts: new Set([...list.hosts, ...own]) };
}

export function tokenHosts(
  environment: Environment,
  list: HostList,
  session: Secret | null,
): Ports["tokenHosts"] {
  const { notify } = environment;
  const entry = (token: string, url: string): TokenHost => ({
    token,
    host: hostOf(url),
    allowed: mayGetToken(url, list.hosts),
  });
  const qa = environment.qaUrls.filter((url) => hostOf(url) !== "");
  const all = [
    entry("API token", apiBaseUrlOf(environment)),
    ...qa.map((url) => entry("/qa token", url)),
    ...(session === null ? [] : qa.map((url) => entry("session", url))),
    ...(notify?.webhook === undefined ? [] : [entry("webhook token", notify.webhook.url)]),
    ...(notify?.pagerduty === undefined
      ? []
      : [{ ...entry("PagerDuty key", notify.pagerduty.apiUrl ?? PAGERDUTY_URL), allowed: true }]),
  ];
  const once = new Map(all.map((one) => [`${one.token} ${one.host}`, one]));
  const strangers = [...once.values()].filter(({ allowed }) => !allowed).map(({ host }) => host);
  return {
    list: [...once.values()],
    problem: list.problem,
    allow: allowCommand([...new Set(strangers)], list.file),
  };
}
