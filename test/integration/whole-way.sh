# From an empty account to a closed incident: what an operator types, in order. whole-way.test.ts runs it in a folder
# with worker/ and dist/worker/ as a clone has them, and compares the report with what the sandbox knows.
#
# Set are CLOUDFLARE_API_TOKEN, PIXCANARY_R2_KEY and, of the sandbox, ORIGIN_URL (the legacy origin), QA_URLS (/qa at
# each location) and SANDBOX_CONTROL. Only lines that begin with `sandbox` are no commands of an operator: they make
# visitors and faults.

sandbox() { # METHOD path [body]
  curl --silent --show-error --fail --output /dev/null --request "$1" "$SANDBOX_CONTROL/$2" \
    ${3:+--header 'content-type: application/json' --data "$3"}
}

### From clone to production (README)

pixcanary setup --env production --qa-url "$QA_URLS" --yes
(cd worker && npx wrangler deploy --env production --var "ORIGIN_URL:$ORIGIN_URL")
(cd worker && npx wrangler secret bulk --env production < ~/.config/pixcanary/production/worker-secrets.json)
(cd worker && npx wrangler versions upload --env production --var "ORIGIN_URL:$ORIGIN_URL" --var PROXY_ONLY:1 --tag proxy-only)
(cd worker && npx wrangler deploy --env production --var "ORIGIN_URL:$ORIGIN_URL")
eval "$(pixcanary doctor --env production 2> /dev/null | sed -n 's/^ *fix: \(npx wrangler versions deploy .*\)$/\1/p')"
pixcanary doctor --env production
pixcanary restore --env production --to 50 --reason "first visitors" --yes

### A fault, and how it is noticed

sandbox PUT native '{"databaseDown":true}'
sandbox PUT traffic '{"visitors":30,"ratePerS":15,"mix":{"upload":1,"jobs":1,"other":0},"actionsPerVisitor":4}'
# The policy judges minutes, for which a test does not wait: what visitors saw in the last six is added as data
# points of the past.
past-minutes > past-minutes.json
sandbox POST points @past-minutes.json

pixcanary watch --env production --for 3s
pixcanary assess --env production || test $? = 20
pixcanary incident open --env production "uploads fail on native" --at 7m

### The stop, and its proof

pixcanary not-aus --env production --reason "5xx spike on native"
pixcanary verify --env production --fleet
pixcanary incident note --env production "database pool exhausted: 10 of 10 connections"
pixcanary incident message slack --env production --next "pool size is being raised"

### The cause

sandbox PUT logs '{"flush":true}'
pixcanary logs pull --env production --since 1h --out incident-logs
pixcanary logs errors --env production incident-logs

### The way back

sandbox POST heal
pixcanary restore --env production --to 25 --reason "pool size is 50" --yes
pixcanary ramp start --env production --plan "30:1s,50" --force --reason "no errors at 25 %" --yes
sandbox DELETE traffic

### The report

sandbox PUT logs '{"flush":true}'
pixcanary logs pull --env production --since 1h --out incident-logs
pixcanary incident close --env production --logs incident-logs
