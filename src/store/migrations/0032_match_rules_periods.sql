-- SPDX-License-Identifier: Apache-2.0
-- 0032: the rules that a run went by; how statements follow one another; the period that a person
-- says of a file.

-- The rules of a run, as JSON (recon/match_set.h); "" of runs before this: the usual ones.
ALTER TABLE reconciliation ADD COLUMN rules text NOT NULL DEFAULT '';

-- What of a statement does not follow the one before it: a JSON array (recon/chain.h); "" is none.
-- Found anew whenever a statement of its gateway begins or ends to count.
ALTER TABLE statement ADD COLUMN continuity text NOT NULL DEFAULT '';
-- What of it a ticket was opened for.
ALTER TABLE statement ADD COLUMN continuity_told text NOT NULL DEFAULT '';

-- One row for each account and currency of a statement that says what it follows. A balance that it
-- does not tell is NULL, a number -1, a time 0.
CREATE TABLE statement_chain (
    statement_id text NOT NULL,
    part bigint NOT NULL,
    account text NOT NULL,
    currency text NOT NULL,
    first_number bigint NOT NULL,
    last_number bigint NOT NULL,
    opening_minor bigint,
    closing_minor bigint,
    -- the day on which it closes, as a moment
    closed_us bigint NOT NULL,
    PRIMARY KEY (statement_id, part)
);

-- "2026-11-20..2026-11-22", as the giver said it; "".
ALTER TABLE statement_upload ADD COLUMN period text NOT NULL DEFAULT '';
