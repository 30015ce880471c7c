-- What GitHub sent and never arrived: how far back was looked, and what was asked for again.

CREATE TABLE ops.recover_places (
    -- As configured.
    repository    text PRIMARY KEY,
    looked_at     timestamptz NOT NULL,
    -- Everything that GitHub sent before is known here or asked for; null until it was once seen.
    covered_until timestamptz,
    missing       bigint NOT NULL,
    asked         bigint NOT NULL,
    -- A time of which GitHub no longer tells what it sent.
    gap_from      timestamptz,
    gap_until     timestamptz,
    -- Why it could not be looked, or asked, and what to do.
    problem       text
);

CREATE TABLE ops.recover_requests (
    delivery_id  text PRIMARY KEY,
    repository   text NOT NULL,
    -- The organization, where the hook is one's.
    organization text,
    hook_id      bigint NOT NULL,
    -- GitHub's id of the attempt that is to be made again, when it was made and how it ended.
    attempt_id   bigint NOT NULL,
    event_type   text NOT NULL,
    sent_at      timestamptz NOT NULL,
    status       text NOT NULL,
    noticed_at   timestamptz NOT NULL,
    asked        bigint NOT NULL DEFAULT 0,
    again_at     timestamptz NOT NULL,
    outcome      text CHECK (outcome IN ('came', 'given_up', 'expired')),
    ended_at     timestamptz
);
CREATE INDEX recover_requests_open ON ops.recover_requests (repository) WHERE outcome IS NULL;
CREATE INDEX recover_requests_ended ON ops.recover_requests (ended_at) WHERE outcome IS NOT NULL;

-- How far issues from before the connection have been fetched.
CREATE TABLE ops.backfills (
    repository_sync bigint PRIMARY KEY REFERENCES ops.repository_syncs (id) ON DELETE CASCADE,
    started_at      timestamptz NOT NULL,
    moved_at        timestamptz NOT NULL,
    -- Where the walk goes on: what changed since, and the page of that.
    since           timestamptz,
    page            bigint NOT NULL,
    -- Issues and pull requests that there were at the beginning; null where GitHub did not tell.
    total           bigint,
    walked_at       timestamptz,
    problem         text
);
