-- SPDX-License-Identifier: Apache-2.0
-- 0047: the public status page: what it says of components, incidents and maintenances, who has
-- subscribed, and what became of each update for each of them.

-- Raised with each change that the page shows: whoever keeps pages in memory looks at it.
CREATE TABLE status_page (
    one bigint PRIMARY KEY,
    version bigint NOT NULL
);

-- What a person has set a component to; it is shown where it is graver than what is measured.
CREATE TABLE status_component (
    id text PRIMARY KEY,
    -- status_levels.def
    level bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    updated_us bigint NOT NULL
);

CREATE TABLE status_incident (
    id text PRIMARY KEY,
    -- 1 an incident, 2 a maintenance
    kind bigint NOT NULL,
    -- the internal incident that it tells of; '' where there is none
    incident_id text NOT NULL,
    title_en text NOT NULL,
    title_zh text NOT NULL,
    -- numbers of status_impacts.def, status_states.def
    impact bigint NOT NULL,
    state bigint NOT NULL,
    -- "card:5,refunds:3": components and levels
    components text NOT NULL,
    -- of a maintenance
    from_us bigint NOT NULL,
    until_us bigint NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    -- 0: not yet
    published_us bigint NOT NULL,
    monitoring_us bigint NOT NULL,
    resolved_us bigint NOT NULL,
    -- what the gate before "resolved" said; '' where it was not asked
    proof text NOT NULL,
    proof_us bigint NOT NULL
);
CREATE INDEX status_incident_published ON status_incident (published_us);
CREATE INDEX status_incident_of ON status_incident (incident_id) WHERE incident_id <> '';

CREATE TABLE status_update (
    id text PRIMARY KEY,
    status_incident_id text NOT NULL,
    -- of those published, from 1; 0: a draft
    number bigint NOT NULL,
    -- 1 draft, 2 published, 3 withdrawn
    stage bigint NOT NULL,
    state bigint NOT NULL,
    -- 0: stays as it is
    impact bigint NOT NULL,
    body_en text NOT NULL,
    body_zh text NOT NULL,
    -- "card:1>5": from what to what; a draft's first number is 0
    components text NOT NULL,
    -- the next word is promised for then; 0: none is
    next_us bigint NOT NULL,
    -- SHA-256 over all that is approved
    hash text NOT NULL,
    reason text NOT NULL,
    author text NOT NULL,
    approval_id text NOT NULL,
    created_us bigint NOT NULL,
    published_us bigint NOT NULL
);
CREATE INDEX status_update_of ON status_update (status_incident_id, number);
CREATE INDEX status_update_drafts ON status_update (created_us) WHERE stage = 1;

CREATE TABLE status_subscriber (
    id text PRIMARY KEY,
    -- 1 by email, 2 by webhook
    way bigint NOT NULL,
    address text NOT NULL,
    -- 1 asked for, 2 confirmed
    state bigint NOT NULL,
    language text NOT NULL,
    -- who has it confirms and ends the subscription
    token text NOT NULL,
    -- of a webhook: what its bodies are signed with
    sealed_secret text NOT NULL,
    lane bigint NOT NULL,
    created_us bigint NOT NULL,
    asked_us bigint NOT NULL,
    confirmed_us bigint NOT NULL,
    UNIQUE (way, address)
);
CREATE UNIQUE INDEX status_subscriber_token ON status_subscriber (token);
CREATE INDEX status_subscriber_asked ON status_subscriber (state, asked_us);

-- How often somebody has asked to subscribe lately: by a digest of where he came from.
CREATE TABLE status_asker (
    who text PRIMARY KEY,
    since_us bigint NOT NULL,
    times bigint NOT NULL
);

-- One update to one subscriber. An update_id of '' asks the subscriber to confirm.
CREATE TABLE status_mailing (
    id text PRIMARY KEY,
    update_id text NOT NULL,
    subscriber_id text NOT NULL,
    lane bigint NOT NULL,
    -- numbers of mailing_states.def
    state bigint NOT NULL,
    tries bigint NOT NULL,
    due_us bigint NOT NULL,
    why text NOT NULL,
    updated_us bigint NOT NULL,
    UNIQUE (update_id, subscriber_id)
);
CREATE INDEX status_mailing_due ON status_mailing (lane, due_us) WHERE state IN (1, 2);
