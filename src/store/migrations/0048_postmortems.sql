-- SPDX-License-Identifier: Apache-2.0
-- 0048: what is learnt from incidents: the parts of postmortems that people write, and what is to
-- be done about it. Times are microseconds since 1970 UTC, 0: never.

-- When it is due, and how often it was nagged for. Made when the gate has let the incident through.
CREATE TABLE postmortem (
    incident_id text PRIMARY KEY,
    due_us bigint NOT NULL,
    nags bigint NOT NULL
);

-- Every version of every part; the one with the highest number counts. Each has an entry on the
-- incident's log with the digest of its text.
CREATE TABLE postmortem_part (
    incident_id text NOT NULL,
    -- of postmortem_parts.def
    name text NOT NULL,
    version bigint NOT NULL,
    -- '': it was taken out again
    body text NOT NULL,
    actor text NOT NULL,
    -- the person's name by then
    author text NOT NULL,
    at_us bigint NOT NULL,
    PRIMARY KEY (incident_id, name, version)
);

CREATE TABLE action_item (
    id text PRIMARY KEY,
    incident_id text NOT NULL,
    -- of the incident's, from 1
    number bigint NOT NULL,
    version bigint NOT NULL,
    -- numbers of action_kinds.def, action_states.def, action_proofs.def
    kind bigint NOT NULL,
    state bigint NOT NULL,
    what text NOT NULL,
    -- a user's name
    owner text NOT NULL,
    due_us bigint NOT NULL,
    -- how it is shown to be done: a check's name, a command, a drill's name
    proof_kind bigint NOT NULL,
    proof text NOT NULL,
    created_by text NOT NULL,
    created_us bigint NOT NULL,
    done_by text NOT NULL,
    done_us bigint NOT NULL,
    done_note text NOT NULL,
    verified_by text NOT NULL,
    verified_us bigint NOT NULL,
    verified_note text NOT NULL,
    reopened_why text NOT NULL,
    reopened_us bigint NOT NULL,
    reopened_count bigint NOT NULL,
    nags bigint NOT NULL,
    updated_us bigint NOT NULL
);
CREATE UNIQUE INDEX action_item_number ON action_item (incident_id, number);
CREATE INDEX action_item_due ON action_item (due_us, id);
CREATE INDEX action_item_proof ON action_item (proof) WHERE proof_kind = 3;
