/** The secrets that `setup` is given: API token, R2 key of Logpush, keys of notification channels. */
import { dirname, resolve } from "node:path";
import type { GrowingRedactor } from "../../adapters/redact.ts";
import { loadSecret, Secret, SecretError, type SecretName } from "../../adapters/secrets.ts";
import { fieldAt } from "../../domain/setup/config-edit.ts";
import type { Wanted } from "../../domain/setup/wanted.ts";
import type { SetupPorts } from "../../ports/setup.ts";
import { UsageError } from "../errors.ts";
import type { GlobalFlags } from "../program.ts";
import type { Shell } from "../shell.ts";
import type { SetupInput } from "./setup-flags.ts";

interface SetupSecrets extends Pick<SetupPorts, "given" | "r2Key"> {
  token: Secret;
  notify: Wanted["notify"];
}

const R2_KEY = /^([\w-]{8,128}):([\w+/=-]{16,256})$/;

/** Throws UsageError and SecretError. */
export async function loadSetupSecrets(
  own: SetupInput,
  flags: GlobalFlags,
  shell: Shell,
  present: unknown,
  redactor: GrowingRedactor,
): Promise<SetupSecrets> {
  const stdin = [flags.tokenFile, own.r2KeyFile, own.pagerdutyKeyFile, own.slackWebhookFile];
  if (stdin.filter((option) => option === "-").length > 1) {
    throw new UsageError("only one secret can be read from standard input", "--r2-key-file <path>");
  }
  const baseDir = dirname(resolve(shell.cwd, flags.config ?? "pixcanary.json"));
  const load = async (name: SecretName, option?: string, configured?: string) => {
    const secret = await loadSecret({ ...shell, name, option, configured, baseDir });
    if (secret !== null) redactor.add(secret);
    return secret;
  };
  const tokenFile = fieldAt(present, "tokenFile");
  const configured = typeof tokenFile === "string" ? tokenFile : undefined;
  const token = await load("CLOUDFLARE_API_TOKEN", flags.tokenFile, configured);
  if (token === null) {
    throw new UsageError("setup needs an API token", "export CLOUDFLARE_API_TOKEN=…");
  }
  const pagerduty = await load("PIXCANARY_PAGERDUTY_KEY", own.pagerdutyKeyFile);
  const slack = await load("PIXCANARY_SLACK_WEBHOOK", own.slackWebhookFile);
  return {
    token,
    r2Key: checkedKey(await load("PIXCANARY_R2_KEY", own.r2KeyFile), redactor),
    given: {
      ...(pagerduty && { PAGERDUTY_ROUTING_KEY: pagerduty }),
      ...(slack && { SLACK_WEBHOOK_URL: slack }),
    },
    notify: {
      pagerduty: pagerduty && fileSetting("routingKeyFile", own.pagerdutyKeyFile, shell),
      slack: slack && fileSetting("webhookFile", own.slackWebhookFile, shell),
    },
  };
}

/** Its two halves are as secret as the whole. */
function checkedKey(key: Secret | null, redactor: GrowingRedactor): Secret | null {
  if (key === null) return null;
  const [, , secret] = R2_KEY.exec(key.reveal()) ?? [];
  if (secret === undefined) {
    const message = `the R2 key from ${key.source} is not <access key id>:<secret access key>`;
    throw new SecretError(
      message,
      "R2 → Manage API tokens → Object Read & Write on the logs bucket",
    );
  }
  redactor.add(new Secret(secret, key.source));
  return key;
}

/** Without a file the secret stays in the variable. */
function fileSetting<Name extends string>(
  name: Name,
  option: string | undefined,
  { cwd }: Shell,
): Partial<Record<Name, string>> {
  if (option === undefined || option === "-") return {};
  return { [name]: resolve(cwd, option) } as Partial<Record<Name, string>>;
}
