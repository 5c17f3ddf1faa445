import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DROPPED, OWN_PROOFS } from "../../../src/domain/proxy/dropped-headers.ts";
import {
  FROM_CLOUDFLARE,
  LOCATION_HEADERS,
  passageOf,
  SET_BY_EDGE,
} from "../../../src/domain/proxy/origin-headers.ts";

const page = readFileSync(new URL("../../../docs/proxy-headers.md", import.meta.url), "utf8");

const quoted = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

test.each(DROPPED)(
  "the docs list exactly the headers of which it is true: $why",
  ({ names, why }) => {
    const row = page.split("\n").find((line) => line.startsWith(`- ${why}: `)) ?? "";
    expect(quoted(row)).toEqual(names);
  },
);

test("the docs name every header that the edge says", () => {
  const said = quoted(page.slice(0, page.indexOf("## Never passed on")));
  const ours = [...SET_BY_EDGE, ...FROM_CLOUDFLARE, "cf-visitor", ...Object.keys(LOCATION_HEADERS)];
  expect(said).toEqual(expect.arrayContaining(ours));
});

test("the docs list exactly what a visitor proves himself by", () => {
  const row = page.split("\n").find((line) => line.startsWith("Of `x-auth-*` passes ")) ?? "";
  expect(quoted(row).slice(1)).toEqual(OWN_PROOFS);
});

test("a name in another spelling than Cloudflare's own is not Cloudflare's", () => {
  expect(passageOf("cf-connecting-ip")).toBe("as-it-is");
  for (const name of ["cf_connecting_ip", "cf.connecting.ip", "cf-connecting_ip", "cf_ray"]) {
    expect(passageOf(name)).toBe("dropped");
  }
});

test("the longest name that a visitor can send is judged as fast as a short one", () => {
  const hostile = ["x-", "forwarded", "-ip", "client-ip"].map((part) => part.repeat(4_000));
  expect(hostile.map(passageOf)).toEqual(["as-it-is", "dropped", "dropped", "dropped"]);
});

test("what the products in front of origins say, no visitor says; what pages say of themselves passes", () => {
  const claims =
    "x-ip-address x-clientaddress x-peer oidc_claim_email x-authentik-username x-auth-user iv-user " +
    "sm_user impersonate-user x-jwt-assertion x-orig-host x-origin-host x-override-host host-override " +
    "x-forwarded-anything x-context-path x-script_name script-name x-requested-url x-http-destinationurl " +
    "x-amz-cf-id x-nginx-proxy x-sendfile geoip_country_code x-traefik-router server-name x-https-on " +
    "x-original-for x-original-prefix x-auth-email x-auth-groups x-auth-roles x-auth-subject " +
    "x_auth_email oam_remote_user oam_identity_domain http_remote_user sm_universalid sm_serversessionid " +
    "iv-groups iv-server-name x-any-userinfo x-endpoint-api-userinfo x-endpoint-api-consumer-number " +
    "ngrok-auth-user-email teleport-jwt-assertion $wsra $wsru $wscc content_length content_type content_encoding " +
    "x-proxied-https x-vhm-root x_vhm_host coming-from x-coming-from x-realip realip x-remoteip x-remoteaddr x-userip " +
    "osso-user-dn osso_subscriber cas-user cas_email x-client-geo-location x-client-proto x-client-protocol " +
    "x-client-scheme x-client-ssl x-client-ssl-verify x-http-scheme x-cloudscheduler x-cloudscheduler-jobname " +
    "x-cloudtasks-queuename x-cloudtasks-taskname x-aws-sqsd-msgid x-aws-sqsd-taskname";
  const own =
    "x-ship-address x-orig-filename x-original-filename x-origin-id x-geolocation x-user-id x-requested-with " +
    "x-verified x-service x-amzn-trace-id traceparent x-upload-content-type x-csrf-token authorization " +
    "user-agent referer sm url path x-country-code destination x-original-format x-auth-token " +
    "x_auth_token x-auth-signature x-author content-type content-length content-encoding content-language " +
    "content_language accept cookie2 ngrok-skip-browser-warning x-user-info-consent small ivory " +
    "x-client-id x-client-secret x-client-version x-client-geolocation case-id x-castle-request-token x-cas-ticket " +
    "x-upcoming-from x-real x-user x-cloud-trace-context x-aws-waf-token x-http-version-requested osso";
  const passing = (names: string) => names.split(" ").filter((n) => passageOf(n) === "as-it-is");
  expect(passing(claims)).toEqual([]);
  expect(passing(own)).toEqual(own.split(" "));
});
