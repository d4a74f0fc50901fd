-- SPDX-License-Identifier: Apache-2.0
-- 0025: repairs of breaks by rule (recon/repair/). Actions and states are numbers of
-- recon/repair/*.def; amounts are minor units without a sign, times microseconds since 1970 UTC.

-- What people have said of a rule of the file; one that nobody has enabled does nothing.
CREATE TABLE repair_rule (
    name text PRIMARY KEY,
    enabled bigint NOT NULL,
    -- of the rule as it was when it was enabled: one that was changed since does nothing
    digest text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    changed_us bigint NOT NULL
);

-- One row, locked by whoever plans, begins or ends a repair: all instances agree.
CREATE TABLE repair_switch (
    id bigint PRIMARY KEY,
    -- 1: no rule does anything until a person starts them again
    stopped bigint NOT NULL,
    -- by what rule, and why; of a start by whom
    rule text NOT NULL,
    why text NOT NULL,
    actor text NOT NULL,
    changed_us bigint NOT NULL,
    -- errors before this moment no longer count
    started_us bigint NOT NULL
);

-- How much a rule has taken on: each day (of UTC, counted from 1970), and since it was enabled
-- (day -1). Currency '': how many, in amount_minor.
CREATE TABLE repair_spent (
    rule text NOT NULL,
    day bigint NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    PRIMARY KEY (rule, day, currency)
);

CREATE TABLE repair (
    id text PRIMARY KEY,
    -- one repair of a break, ever: the rest is for people
    break_id text NOT NULL,
    gateway text NOT NULL,
    rule text NOT NULL,
    action bigint NOT NULL,
    state bigint NOT NULL,
    payment_id text NOT NULL,
    attempt_id text NOT NULL,
    operation_id text NOT NULL,
    -- of a second charge, the gateway's names for it
    second_id text NOT NULL,
    second_charge_id text NOT NULL,
    -- the case whose money it moves
    case_id text NOT NULL,
    -- what it counts for against the caps
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    day bigint NOT NULL,
    -- who said what, last
    said text NOT NULL,
    tries bigint NOT NULL,
    planned_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    ended_us bigint NOT NULL,
    -- who reversed it, and why
    reversed_by text NOT NULL,
    reason text NOT NULL
);
CREATE UNIQUE INDEX repair_break ON repair (break_id);
CREATE INDEX repair_ended ON repair (rule, ended_us);
CREATE INDEX repair_live ON repair (rule) WHERE state IN (1, 2, 3);
