-- SPDX-License-Identifier: Apache-2.0
-- 0045: what was switched from an incident, and deploys that are frozen. Times are microseconds
-- since 1970 UTC, 0: never.

CREATE TABLE incident_measure (
    id text PRIMARY KEY,
    incident_id text NOT NULL,
    -- numbers of containment_kinds.def and containment_states.def
    kind bigint NOT NULL,
    name text NOT NULL,
    -- what it switches, of containment_things.def, and its name where there are several
    thing text NOT NULL,
    thing_name text NOT NULL,
    state bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    taken_us bigint NOT NULL,
    -- what stood before it, and who had said so: what undoing gives back
    before_value text NOT NULL,
    before_us bigint NOT NULL,
    before_until_us bigint NOT NULL,
    before_actor text NOT NULL,
    before_reason text NOT NULL,
    -- how it stood once it was taken: whoever has changed it since has changed one of these
    taken_value text NOT NULL,
    stood_us bigint NOT NULL,
    stood_actor text NOT NULL,
    until_us bigint NOT NULL,
    -- 1: renewals were paused by it
    renewals bigint NOT NULL,
    undone_us bigint NOT NULL,
    undone_by text NOT NULL,
    undone_reason text NOT NULL,
    handed_us bigint NOT NULL,
    handed_by text NOT NULL,
    -- a user's name
    handed_to text NOT NULL,
    handed_reason text NOT NULL
);
CREATE INDEX incident_measure_of ON incident_measure (incident_id, id);
-- Those that may still be on; 2: undone.
CREATE INDEX incident_measure_on ON incident_measure (thing, thing_name) WHERE state <> 2;

-- One row for each who has ever frozen deploys: an incident, or '' for by hand. Deploys are free
-- while none of them holds.
CREATE TABLE deploy_freeze (
    owner text PRIMARY KEY,
    frozen bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at_us bigint NOT NULL,
    -- 0: until it is taken back
    until_us bigint NOT NULL
);
