-- Store of the native upload flow. Safe to apply again; apply it before the Worker that needs it.
CREATE TABLE IF NOT EXISTS intents (
  intent_id    text PRIMARY KEY,
  filename     text NOT NULL,
  content_type text NOT NULL,
  size         bigint NOT NULL CHECK (size > 0),
  created_at   timestamptz NOT NULL DEFAULT now()
);

-- The user that the app's session check names. Rows from before there was one belong to nobody.
ALTER TABLE intents ADD COLUMN IF NOT EXISTS owner text NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS intents_of_owner ON intents (owner);

-- One job per intent: the unique constraint makes a repeated finalize harmless.
CREATE TABLE IF NOT EXISTS jobs (
  job_id     text PRIMARY KEY,
  intent_id  text NOT NULL UNIQUE REFERENCES intents (intent_id),
  status     text NOT NULL CHECK (status IN ('done')),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS jobs_newest_first ON jobs (created_at DESC, job_id DESC);
