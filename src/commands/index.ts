/** All verbs, in the order of the help page: what an incident needs comes first. */
import { assess } from "./assess.ts";
import { card } from "./card.ts";
import type { CommandDef } from "./command.ts";
import { dashboard } from "./dashboard/dashboard.ts";
import { deliver } from "./deliver.ts";
import { doctor } from "./doctor/doctor.ts";
import { explain } from "./explain.ts";
import { history } from "./history.ts";
import { incidentClose } from "./incident/close.ts";
import { incidentList } from "./incident/list.ts";
import { incidentMessage } from "./incident/message.ts";
import { incidentNote } from "./incident/note.ts";
import { incidentOpen } from "./incident/open.ts";
import { logsErrors } from "./logs/errors.ts";
import { logsPull } from "./logs/pull.ts";
import { logsTail } from "./logs/tail.ts";
import { disable } from "./lower/disable.ts";
import { reduce } from "./lower/reduce.ts";
import { notAusVerb } from "./not-aus/not-aus.ts";
import { rungs } from "./not-aus/rungs.ts";
import { rampAbort } from "./ramp/abort.ts";
import { rampPause } from "./ramp/pause.ts";
import { rampResume } from "./ramp/resume.ts";
import { rampStart } from "./ramp/start.ts";
import { rampStatus } from "./ramp/status.ts";
import { restore } from "./restore/restore.ts";
import { status } from "./status/status.ts";
import { validate } from "./validate/validate.ts";
import { verify } from "./verify/verify.ts";
import { watch } from "./watch/watch.ts";

export const commands: readonly CommandDef[] = [
  notAusVerb(rungs),
  reduce,
  disable,
  restore,
  rampStart,
  rampStatus,
  rampPause,
  rampResume,
  rampAbort,
  status,
  watch,
  dashboard,
  assess,
  verify,
  validate,
  logsPull,
  logsErrors,
  logsTail,
  incidentOpen,
  incidentNote,
  incidentMessage,
  incidentClose,
  incidentList,
  history,
  deliver,
  explain,
  doctor,
  card,
];
