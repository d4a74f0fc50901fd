-- SPDX-License-Identifier: Apache-2.0
-- 0022: tickets: what only a person can do (desk/ticket.h). States, resolutions and risks are
-- numbers of desk/ticket_*.def; priority 1 is the most urgent. Times are microseconds since 1970
-- UTC, amounts minor units without a sign.
CREATE TABLE ticket (
    id text PRIMARY KEY,
    -- also the number of the newest entry of its history
    version bigint NOT NULL,
    -- what it is about: one ticket for each, ever
    kind text NOT NULL,
    subject text NOT NULL,
    title text NOT NULL,
    class text NOT NULL,
    risk bigint NOT NULL,
    priority bigint NOT NULL,
    -- 0 and '': it is about no money
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    gateway text NOT NULL,
    payment_id text NOT NULL,
    suggestion text NOT NULL,
    -- an object of whoever opened it
    facts text NOT NULL,
    state bigint NOT NULL,
    -- a name of the configuration, and a user's id; '': nobody's
    team text NOT NULL,
    assignee text NOT NULL,
    -- how it was resolved, or is to be when another person agrees; 0, ''
    resolution bigint NOT NULL,
    reason text NOT NULL,
    moved_minor bigint NOT NULL,
    moved_currency text NOT NULL,
    -- that waits, or was decided last; ''
    approval_id text NOT NULL,
    -- how often it was opened, and the escalation steps taken since it was last
    round bigint NOT NULL,
    level bigint NOT NULL,
    opened_by text NOT NULL,
    opened_us bigint NOT NULL,
    due_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    -- resolved or closed; 0
    closed_us bigint NOT NULL,
    -- title, subject, payment, gateway and suggestion in one, folded: what is searched
    folded text NOT NULL
);
CREATE UNIQUE INDEX ticket_subject ON ticket (kind, subject);
CREATE INDEX ticket_live ON ticket (due_us, id) WHERE state IN (1, 2, 3, 4, 7);
CREATE INDEX ticket_due ON ticket (due_us, id);
CREATE INDEX ticket_assignee ON ticket (assignee) WHERE state IN (1, 2, 3, 4, 7);
CREATE INDEX ticket_payment ON ticket (payment_id) WHERE payment_id <> '';

-- The history: never changed, never removed.
CREATE TABLE ticket_event (
    ticket_id text NOT NULL,
    number bigint NOT NULL,
    at_us bigint NOT NULL,
    actor text NOT NULL,
    what text NOT NULL,
    -- what somebody wrote, and what changed as an object
    body text NOT NULL,
    detail text NOT NULL,
    -- money that was moved by hand with it
    moved_minor bigint NOT NULL,
    moved_currency text NOT NULL,
    -- of an escalation: which step of which opening; else 0
    round bigint NOT NULL,
    level bigint NOT NULL,
    PRIMARY KEY (ticket_id, number)
);
CREATE UNIQUE INDEX ticket_event_step ON ticket_event (ticket_id, round, level) WHERE level > 0;

-- Whose turn it was last. The row is also what a team's tickets queue on when they are given out.
CREATE TABLE ticket_turn (
    team text PRIMARY KEY,
    user_id text NOT NULL
);
