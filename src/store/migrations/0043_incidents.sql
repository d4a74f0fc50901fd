-- SPDX-License-Identifier: Apache-2.0
-- 0043: incidents: where they stand, who leads them, their chained logs, the alerts and signatures
-- that belong to them. Times are microseconds since 1970 UTC, 0: never.

CREATE TABLE incident (
    id text PRIMARY KEY,
    version bigint NOT NULL,
    number bigint NOT NULL UNIQUE,
    title text NOT NULL,
    -- 0 to 3, P0 to P3; proposed by the machine, -1: nothing was measured
    severity bigint NOT NULL,
    proposed bigint NOT NULL,
    -- why it proposed that: a JSON array
    reasons text NOT NULL,
    -- numbers of incident_states.def and incident_causes.def
    state bigint NOT NULL,
    cause bigint NOT NULL,
    cause_why text NOT NULL,
    -- where, as scope.h writes it
    scope text NOT NULL,
    impact_start_us bigint NOT NULL,
    detected_us bigint NOT NULL,
    acknowledged_us bigint NOT NULL,
    contained_us bigint NOT NULL,
    mitigated_us bigint NOT NULL,
    reconciled_us bigint NOT NULL,
    resolved_us bigint NOT NULL,
    done_us bigint NOT NULL,
    -- names of users; '': nobody
    commander text NOT NULL,
    commander_deputy text NOT NULL,
    lead text NOT NULL,
    lead_deputy text NOT NULL,
    comms text NOT NULL,
    comms_deputy text NOT NULL,
    recon text NOT NULL,
    recon_deputy text NOT NULL,
    -- the resolved incident that came again as this one; ''
    follows text NOT NULL,
    -- 1: a drill: it counts in no figure and reaches no customer
    drill bigint NOT NULL,
    -- signatures count only in the round that they were given in
    round bigint NOT NULL,
    opened_by text NOT NULL,
    -- when people were last told of it, and how often; how often its nag was raised
    told_us bigint NOT NULL,
    told_count bigint NOT NULL,
    ack_nags bigint NOT NULL,
    update_nags bigint NOT NULL,
    updated_us bigint NOT NULL
);
CREATE INDEX incident_live ON incident (id) WHERE state < 6;

-- One row: the number that was given last.
CREATE TABLE incident_number (
    one bigint PRIMARY KEY,
    number bigint NOT NULL
);
INSERT INTO incident_number (one, number) VALUES (1, 0);

CREATE TABLE incident_log (
    incident_id text NOT NULL,
    seq bigint NOT NULL,
    at_us bigint NOT NULL,
    actor text NOT NULL,
    -- numbers of log_actors.def and log_kinds.def
    actor_kind bigint NOT NULL,
    role text NOT NULL,
    kind bigint NOT NULL,
    body text NOT NULL,
    -- a JSON object
    evidence text NOT NULL,
    -- a digest of the incident as this entry left it; '': it changed nothing there
    sealed text NOT NULL,
    prev text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (incident_id, seq)
);

-- The end of each chain, so that a log whose tail was cut is found.
CREATE TABLE incident_log_head (
    incident_id text PRIMARY KEY,
    seq bigint NOT NULL,
    hash text NOT NULL
);

CREATE TABLE incident_alert (
    alert_id text PRIMARY KEY,
    incident_id text NOT NULL,
    rule text NOT NULL,
    labels text NOT NULL,
    linked_us bigint NOT NULL,
    linked_by text NOT NULL
);
CREATE INDEX incident_alert_of ON incident_alert (incident_id, alert_id);

CREATE TABLE incident_signature (
    incident_id text NOT NULL,
    round bigint NOT NULL,
    role text NOT NULL,
    -- "user:usr_…", whose word it is, and the name by then
    person text NOT NULL,
    name text NOT NULL,
    at_us bigint NOT NULL,
    -- of the incident that was signed
    version bigint NOT NULL,
    PRIMARY KEY (incident_id, round, role)
);
