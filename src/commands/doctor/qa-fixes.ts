/** What to do when `/qa` gives no document, by what it answered. */
import { QA_TOKEN_FORM } from "../../domain/config/qa-token.ts";
import type { Sighting } from "../../domain/proof/expectation.ts";
import type { Ports } from "../../ports/ports.ts";
import { shellWord } from "../lib/format.ts";

const newQaToken = (worker: string): string =>
  `T=$(openssl rand -hex 32); printf %s $T | npx wrangler secret put QA_TOKEN --name ${worker}; export PIXCANARY_QA_TOKEN=$T`;
const ACCESS = "Cloudflare Access guards it? add a Bypass policy for its path, /qa";
const QA_URLS = "check qaUrls in pixcanary.json; is the Worker deployed there?";

type Fix = string | ((url: URL) => string);

/** By our own words for it (src/adapters/qa-client.ts, transport.ts): the first that fits. */
const BY_WORDS: readonly (readonly [RegExp, Fix])[] = [
  [
    /\(DNS\)|from DNS/,
    ({ hostname }) => `correct qaUrls, or the DNS record: dig +short ${shellWord(hostname)}`,
  ],
  [
    /TLS/,
    ({ host, hostname }) =>
      `look: openssl s_client -servername ${shellWord(hostname)} -connect ${shellWord(withPort(host))}`,
  ],
  [/cloudflareaccess\.com|cdn-cgi\/access/, ACCESS],
  [/^redirects to /, "set qaUrls in pixcanary.json to the address that answers itself"],
  [/a web page/, ACCESS],
  [/no complete answer/, ({ href }) => `does it answer at all? curl -m 10 -si ${shellWord(href)}`],
];

/** The first check is that of the host: a page there is no `/qa`. */
export function qaFix(
  { status, problem, url }: Sighting,
  { pagesOrigin, worker }: Pick<Ports["target"], "pagesOrigin" | "worker">,
): string {
  const words = problem ?? "";
  const at = URL.parse(url);
  if (words.includes(QA_TOKEN_FORM)) return newQaToken(worker);
  if (at === null) return QA_URLS;
  if (at.origin === pagesOrigin) {
    return "qaUrls names the host of pagesOrigin: set it to the Worker's, e.g. https://api.…/qa";
  }
  const [, found] = BY_WORDS.find(([pattern]) => pattern.test(words)) ?? [];
  if (found !== undefined) return typeof found === "string" ? found : found(at);
  return byStatus(status, words, worker);
}

function byStatus(status: number | null, words: string, worker: string): string {
  switch (status) {
    case 401:
      return "export PIXCANARY_QA_TOKEN=…   # the Worker's secret QA_TOKEN";
    case 403:
      return "a firewall rule or bot protection? let /qa pass (Security, Events)";
    case 404:
      return `no route of ${worker} covers it: see "routes" in wrangler.jsonc, and qaUrls`;
    case 429:
      return words.includes("all tokens")
        ? "wait a minute, then check that PIXCANARY_QA_TOKEN is the Worker's QA_TOKEN"
        : "wait a minute; what else asks /qa? then run doctor again";
    default:
      return status !== null && status >= 500 ? `npx wrangler tail ${worker}` : QA_URLS;
  }
}

function withPort(host: string): string {
  return /:\d+$/.test(host) ? host : `${host}:443`;
}
