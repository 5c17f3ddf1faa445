/** What answers in place of `/qa`, or does not. */
import { WRONG_TOKENS } from "../../../src/domain/config/qa-token.ts";
import { inSandbox, type Row } from "./row.ts";

export const ANSWERS: Row[] = [
  {
    name: "a host name that does not exist",
    breaks: () => ({
      settings: { qaUrls: ["https://qa.invalid/qa"] },
      env: { PIXCANARY_ALLOWED_HOSTS: "qa.invalid" },
    }),
    finds: ["fail", "/qa qa.invalid", /DNS/, /dig \+short qa\.invalid/],
  },
  {
    name: "no TLS at the address",
    breaks: ({ front }) => ({ settings: { qaUrls: [`${front.replace("http:", "https:")}/qa`] } }),
    finds: [
      "fail",
      "/qa 127.0.0.1:",
      /no TLS connection/,
      /openssl s_client .*-connect 127\.0\.0\.1:\d+/,
    ],
  },
  {
    name: "nobody listens at the address",
    breaks: () => ({ settings: { qaUrls: ["http://127.0.0.1:1/qa"] } }),
    finds: ["fail", "/qa 127.0.0.1:1", /connection refused/, /check qaUrls in pixcanary\.json/],
  },
  {
    name: "a wrong /qa token",
    breaks: () => ({ env: { PIXCANARY_QA_TOKEN: "x".repeat(40) } }),
    finds: [
      "fail",
      "/qa 127.0.0.1:",
      /refused the QA token \(HTTP 401\)/,
      /export PIXCANARY_QA_TOKEN=/,
    ],
  },
  {
    name: "no /qa token",
    breaks: () => ({ env: { PIXCANARY_QA_TOKEN: undefined } }),
    finds: ["fail", "/qa 127.0.0.1:", /needs PIXCANARY_QA_TOKEN/, /export PIXCANARY_QA_TOKEN=/],
  },
  {
    name: "no Worker is deployed at the address",
    breaks: (stage) => inSandbox(stage.answer(404, "not found")),
    finds: ["fail", "/qa 127.0.0.1:", /answered HTTP 404/, /no route of pix-sandbox covers it/],
  },
  {
    name: "a firewall in front of the Worker",
    breaks: (stage) => inSandbox(stage.answer(403, "<h1>Sorry, you have been blocked</h1>")),
    finds: ["fail", "/qa 127.0.0.1:", /HTTP 403/, /Security, Events/],
  },
  {
    name: "a Worker that throws",
    breaks: (stage) => inSandbox(stage.answer(500, "error code: 1101")),
    finds: ["fail", "/qa 127.0.0.1:", /answered HTTP 500/, /npx wrangler tail pix-sandbox/],
  },
  {
    name: "the host of the pages",
    breaks: ({ front }) => ({
      settings: { qaUrls: [`${front}/health`], pagesOrigin: front },
    }),
    finds: ["fail", "/qa 127.0.0.1:", /./, /qaUrls names the host of pagesOrigin/],
  },
  {
    name: "a redirect",
    breaks: (stage) => inSandbox(stage.answer(301, "", { location: "https://www.pix.immo/qa" })),
    finds: [
      "fail",
      "/qa 127.0.0.1:",
      /redirects to https:\/\/www/,
      /the address that answers itself/,
    ],
  },
  {
    name: "a redirect to Cloudflare Access",
    breaks: (stage) =>
      inSandbox(
        stage.answer(302, "", { location: "https://t.cloudflareaccess.com/cdn-cgi/access/login" }),
      ),
    finds: ["fail", "/qa 127.0.0.1:", /redirects to/, /add a Bypass policy for its path, \/qa/],
  },
  {
    name: "a login page",
    breaks: (stage) => inSandbox(stage.answer(200, "<!doctype html><title>Sign in</title>")),
    finds: [
      "fail",
      "/qa 127.0.0.1:",
      /the answer is a web page/,
      /^Cloudflare Access guards it\? add a Bypass/,
    ],
  },
  {
    name: "too many looks",
    breaks: (stage) => inSandbox(stage.answer(429, '{"error":"rate_limited"}')),
    finds: ["fail", "/qa 127.0.0.1:", /rate limited/, /^wait a minute; what else asks/],
  },
  {
    name: "too many wrong tokens",
    breaks: (stage) => inSandbox(stage.answer(429, JSON.stringify({ error: WRONG_TOKENS }))),
    finds: ["fail", "/qa 127.0.0.1:", /refuses all tokens/, /check that PIXCANARY_QA_TOKEN is the/],
  },
];
