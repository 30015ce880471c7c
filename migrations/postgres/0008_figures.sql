-- How it went over time: counts that are added to, never recounted, samples of what only the moment
-- knows, and what is wrong at present. Everything here is bounded: `jobs/watch` merges and deletes.

-- One row says how many deliveries of one kind ended in one way after about as long. A batch adds
-- its rows in its own commit; several rows of one kind mean their sum, and are merged later.
CREATE TABLE ops.figures (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bucket  timestamptz NOT NULL,
    seconds bigint NOT NULL,
    source  text NOT NULL,
    -- `owner/name`, Plane's project, or empty where neither is known.
    place   text NOT NULL,
    event   text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'ignored', 'retried', 'failed')),
    -- Which of the fixed lengths of time (src/figures.rs).
    lag     bigint NOT NULL,
    count   bigint NOT NULL,
    merged  boolean NOT NULL DEFAULT false
);
CREATE INDEX figures_bucket ON ops.figures (bucket);
CREATE INDEX figures_unmerged ON ops.figures (bucket) WHERE NOT merged;
CREATE INDEX figures_fine ON ops.figures (bucket) WHERE seconds < 3600;

-- A replay's lag counts from the replay.
ALTER TABLE ops.work_queue ADD COLUMN requeued_at timestamptz;

CREATE TABLE ops.queue_samples (
    at             timestamptz PRIMARY KEY,
    waiting        bigint NOT NULL,
    working        bigint NOT NULL,
    dead           bigint NOT NULL,
    oldest_seconds double precision NOT NULL
);

-- What other people's servers said of their limits, a row a minute and client.
CREATE TABLE ops.quota_samples (
    client    text NOT NULL,
    at        timestamptz NOT NULL,
    remaining bigint,
    most      bigint,
    resets_at timestamptz,
    used_up   boolean NOT NULL,
    seen_at   timestamptz NOT NULL,
    PRIMARY KEY (client, at)
);

CREATE TABLE ops.processes (
    id         text PRIMARY KEY,
    role       text NOT NULL,
    version    text NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    facts      json NOT NULL
);

-- What one process at a time does for all.
CREATE TABLE ops.duties (
    name       text PRIMARY KEY,
    holder     text NOT NULL,
    held_until timestamptz NOT NULL
);

CREATE TABLE ops.alarms (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL,
    subject    text NOT NULL,
    title      text NOT NULL,
    detail     text NOT NULL,
    remedy     text NOT NULL,
    raised_at  timestamptz NOT NULL,
    cleared_at timestamptz
);
CREATE UNIQUE INDEX alarms_raised ON ops.alarms (kind, subject) WHERE cleared_at IS NULL;
CREATE INDEX alarms_cleared ON ops.alarms (cleared_at) WHERE cleared_at IS NOT NULL;

-- What is to be told to the alarm webhook.
CREATE TABLE ops.alarm_notices (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body       text NOT NULL,
    attempts   bigint NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL,
    made_at    timestamptz NOT NULL,
    sent_at    timestamptz,
    last_error text
);
CREATE INDEX alarm_notices_due ON ops.alarm_notices (due_at) WHERE sent_at IS NULL;

CREATE INDEX work_items_completed ON ops.work_items (completed_at) WHERE completed_at IS NOT NULL;
