/** The page's files, as built by src/dashboard/build.js. */
import { dashboard, script, signIn, style } from "#dashboard-page";

/** What stands above the form; "": nothing. */
const PROBLEMS = {
  "": "",
  wrong: "✖ That is not the token of this Worker's /qa. It is its secret QA_TOKEN.",
  limited: "✖ Too many attempts: wait a minute, then try again.",
  "no-token": "✖ Sign-in is off: the Worker's secret QA_TOKEN is missing or too short.",
} as const;

export const page = {
  dashboard,
  script,
  style,
  /** `followed`: by a link of another site, to which a browser does not show the cookie. */
  signIn(problem: keyof typeof PROBLEMS, followed = false): string {
    const text = PROBLEMS[problem];
    const shown = text === "" ? "" : `<p class="problem" role="alert">${text}</p>`;
    const link = '<p>Signed in already? <a href="">Open the dashboard</a></p>';
    return signIn
      .replace("<!-- problem -->", shown)
      .replace("<!-- followed -->", followed ? link : "");
  },
};
