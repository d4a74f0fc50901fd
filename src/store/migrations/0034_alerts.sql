-- SPDX-License-Identifier: Apache-2.0
-- 0034: alerts: what is wrong, who sees it, who was told, what is not to be told now. Times are
-- microseconds since 1970 UTC, 0: never.

CREATE TABLE alert (
    id text PRIMARY KEY,
    -- a digest of rule and labels
    fingerprint text NOT NULL,
    rule text NOT NULL,
    -- lines of name=value, by name
    labels text NOT NULL,
    -- a number of alert_teams.def
    team bigint NOT NULL,
    -- 0 to 3, P0 to P3
    severity bigint NOT NULL,
    -- a number of alert_states.def
    state bigint NOT NULL,
    -- what is known of it, as the JSON of a notice
    facts text NOT NULL,
    value text NOT NULL,
    threshold text NOT NULL,
    -- with which others it is told
    group_key text NOT NULL,
    first_symptom_us bigint NOT NULL,
    -- when it was first seen; since when nobody has seen it (0: somebody does)
    seen_us bigint NOT NULL,
    clear_us bigint NOT NULL,
    fired_us bigint NOT NULL,
    acked_us bigint NOT NULL,
    acked_by text NOT NULL,
    ack_reason text NOT NULL,
    resolved_us bigint NOT NULL,
    -- when anybody was last told that it fires
    told_us bigint NOT NULL,
    -- from when its escalation counts, and how many of the steps were taken
    calls_us bigint NOT NULL,
    step bigint NOT NULL,
    -- 1: it is over, and who was told of it is still to be told so
    owed bigint NOT NULL,
    -- entries of its history
    entries bigint NOT NULL,
    updated_us bigint NOT NULL
);
CREATE UNIQUE INDEX alert_live ON alert (fingerprint) WHERE state <> 4;
CREATE INDEX alert_live_rule ON alert (rule, id) WHERE state <> 4;
CREATE INDEX alert_group_open ON alert (group_key, id) WHERE state <> 4 OR owed = 1;
CREATE INDEX alert_over ON alert (resolved_us) WHERE state = 4;

-- What each source last said of a live alert, and until when that counts (0: for good).
CREATE TABLE alert_word (
    alert_id text NOT NULL,
    source text NOT NULL,
    firing bigint NOT NULL,
    until_us bigint NOT NULL,
    PRIMARY KEY (alert_id, source)
);

CREATE TABLE alert_entry (
    alert_id text NOT NULL,
    number bigint NOT NULL,
    at_us bigint NOT NULL,
    actor text NOT NULL,
    what text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (alert_id, number)
);

-- What a channel was last told of an alert: a number of enum notice_state, and how grave it was.
CREATE TABLE alert_told (
    alert_id text NOT NULL,
    channel text NOT NULL,
    state bigint NOT NULL,
    severity bigint NOT NULL,
    at_us bigint NOT NULL,
    PRIMARY KEY (alert_id, channel)
);

CREATE TABLE alert_group (
    group_key text PRIMARY KEY,
    flushed_us bigint NOT NULL
);

CREATE TABLE alert_silence (
    id text PRIMARY KEY,
    -- a line each
    matchers text NOT NULL,
    from_us bigint NOT NULL,
    until_us bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    -- by whom it was ended before its time; '' for nobody
    ended_by text NOT NULL,
    ended_us bigint NOT NULL
);
CREATE INDEX alert_silence_until ON alert_silence (until_us);

CREATE TABLE alert_override (
    id text PRIMARY KEY,
    rota text NOT NULL,
    person text NOT NULL,
    from_us bigint NOT NULL,
    until_us bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL
);
CREATE INDEX alert_override_until ON alert_override (until_us);

-- The last weekly test of a channel.
CREATE TABLE alert_self_test (
    channel text PRIMARY KEY,
    delivery_id text NOT NULL,
    at_us bigint NOT NULL
);
