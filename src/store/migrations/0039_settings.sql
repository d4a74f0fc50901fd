-- SPDX-License-Identifier: Apache-2.0
-- 0039: settings that were changed while running, over those of the configuration file; what was
-- changed when; and what would have fired with them.

-- One row: how many changes there have been. Whoever changes something takes its lock first.
CREATE TABLE tuning_head (
    id bigint PRIMARY KEY,
    number bigint NOT NULL
);
INSERT INTO tuning_head (id, number) VALUES (1, 0);

-- What differs from the file now. scope: a rule, a figure, or 'detector'.
CREATE TABLE tuning (
    scope text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (scope, key)
);

-- Every change, never changed itself. changes: JSON, what was and what is; untested: why it was not
-- tried on the past first, '' when it was (backtest).
CREATE TABLE tuning_change (
    number bigint PRIMARY KEY,
    rule text NOT NULL,
    changes text NOT NULL,
    at_us bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    untested text NOT NULL,
    backtest text NOT NULL
);
CREATE INDEX tuning_change_rule ON tuning_change (rule, number);

-- A rule tried on the past. proposal: every value that it was tried with, in one canonical text.
-- state: 1 running, 2 done, 3 failed. result: JSON, '' until it is done; beat_us: the process that
-- makes it was alive then.
CREATE TABLE backtest (
    id text PRIMARY KEY,
    rule text NOT NULL,
    proposal text NOT NULL,
    changes text NOT NULL,
    from_us bigint NOT NULL,
    until_us bigint NOT NULL,
    state bigint NOT NULL,
    done_minutes bigint NOT NULL,
    result text NOT NULL,
    why text NOT NULL,
    actor text NOT NULL,
    created_us bigint NOT NULL,
    beat_us bigint NOT NULL,
    ended_us bigint NOT NULL
);
CREATE INDEX backtest_proposal ON backtest (rule, ended_us);
