-- SPDX-License-Identifier: Apache-2.0
-- 0021: statements of gateways, and what came of comparing them with our books. Kinds, statuses
-- and classes are numbers of recon/*.def. Times are microseconds since 1970 UTC; amounts are minor
-- units, + comes to us. A fee or net amount that a statement does not tell is NULL.

-- One row a file that was taken in. While its rows are being written it counts for nothing.
CREATE TABLE statement (
    id text PRIMARY KEY,
    gateway text NOT NULL,
    reader text NOT NULL,
    name text NOT NULL,
    -- of the bytes as they were given
    sha256 text NOT NULL,
    byte_count bigint NOT NULL,
    account text NOT NULL,
    file_id text NOT NULL,
    sequence bigint NOT NULL,
    from_us bigint NOT NULL,
    until_us bigint NOT NULL,
    row_count bigint NOT NULL,
    -- [{"currency","opening","closing"}]
    balances text NOT NULL,
    -- 1 being written, 2 taken in, 3 superseded by another, 4 given up half-way
    state bigint NOT NULL,
    -- the one that this one takes the place of; and the other way round
    supersedes text NOT NULL,
    superseded_by text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    begun_us bigint NOT NULL,
    taken_us bigint NOT NULL,
    -- the first run that looked at all its rows; ''
    seen_run text NOT NULL DEFAULT ''
);
-- The same file twice is one; a file of the same period, account and number is a corrected one.
CREATE UNIQUE INDEX statement_once ON statement (gateway, sha256) WHERE state IN (1, 2);
CREATE INDEX statement_taken ON statement (gateway, taken_us);
CREATE INDEX statement_unseen ON statement (gateway) WHERE state = 2 AND seen_run = '';

CREATE TABLE statement_row (
    statement_id text NOT NULL,
    number bigint NOT NULL,
    line bigint NOT NULL,
    kind bigint NOT NULL,
    status bigint NOT NULL,
    currency text NOT NULL,
    gross_minor bigint NOT NULL,
    fee_minor bigint,
    net_minor bigint,
    at_us bigint NOT NULL,
    gateway_id text NOT NULL,
    reference text NOT NULL,
    original_id text NOT NULL,
    original_reference text NOT NULL,
    batch text NOT NULL,
    method text NOT NULL,
    native_kind text NOT NULL,
    description text NOT NULL,
    -- of ours, where a file has several; and who is on the other side
    account text NOT NULL,
    party text NOT NULL,
    PRIMARY KEY (statement_id, number)
);
CREATE INDEX statement_row_gateway_id ON statement_row (gateway_id) WHERE gateway_id <> '';
CREATE INDEX statement_row_reference ON statement_row (reference) WHERE reference <> '';

-- Where each movement stands that was ever compared: side 1 is a posting of ours, side 2 a row of a
-- statement ("stm_…#12"). Written by runs only. `open` is 1 while another run may still find what
-- belongs to it, NULL when it is settled.
CREATE TABLE movement (
    side bigint NOT NULL,
    id text NOT NULL,
    -- of a row of theirs; '' and 0
    statement_id text NOT NULL,
    number bigint NOT NULL,
    gateway text NOT NULL,
    class bigint NOT NULL,
    rule text NOT NULL,
    -- what it was put together with: the same for all of a group; '' for one that stands alone
    match_id text NOT NULL,
    open bigint,
    run_id text NOT NULL,
    -- of the run that saw it first
    first_us bigint NOT NULL,
    at_us bigint NOT NULL,
    due_us bigint NOT NULL,
    PRIMARY KEY (side, id)
);
CREATE INDEX movement_open ON movement (gateway, side, at_us) WHERE open = 1;
CREATE INDEX movement_statement ON movement (statement_id) WHERE statement_id <> '';
CREATE INDEX movement_match ON movement (match_id) WHERE match_id <> '';

CREATE TABLE reconciliation (
    id text PRIMARY KEY,
    gateway text NOT NULL,
    -- 1 under way, 2 done, 3 given up
    state bigint NOT NULL,
    actor text NOT NULL,
    -- our movements up to this moment were looked at
    until_us bigint NOT NULL,
    begun_us bigint NOT NULL,
    ended_us bigint NOT NULL,
    -- the figures, as JSON: see docs/reconciliation.md
    figures text NOT NULL
);
CREATE INDEX reconciliation_gateway ON reconciliation (gateway, begun_us);
CREATE UNIQUE INDEX reconciliation_one ON reconciliation (gateway) WHERE state = 1;
-- The gateway's account in our books as a run found it at its end: the next one begins with it.
CREATE TABLE reconciliation_book (
    run_id text NOT NULL,
    currency text NOT NULL,
    opening_minor bigint NOT NULL,
    movements_minor bigint NOT NULL,
    late_minor bigint NOT NULL,
    closing_minor bigint NOT NULL,
    PRIMARY KEY (run_id, currency)
);

-- What is found by a run looks for postings by their time.
CREATE INDEX posting_at ON posting (at_us);
-- And for the case whose subject is a posting's cause.
CREATE INDEX review_case_subject ON review_case (subject);

-- A difference that has to be explained. It lives across days: a run that finds it again touches
-- it, one that finds it gone closes it and says why.
CREATE TABLE recon_break (
    id text PRIMARY KEY,
    version bigint NOT NULL,
    gateway text NOT NULL,
    class bigint NOT NULL,
    -- what it is about, the same in each run: class, and the movements of it
    subject text NOT NULL,
    risk bigint NOT NULL,
    -- the movement that it is about, or one of them
    side bigint NOT NULL,
    movement_id text NOT NULL,
    -- 1 open, 2 assigned, 3 closed by itself, 4 resolved by a person, 5 written off
    state bigint NOT NULL,
    owner text NOT NULL,
    kind bigint NOT NULL,
    payment_id text NOT NULL,
    currency text NOT NULL,
    our_minor bigint NOT NULL,
    their_minor bigint NOT NULL,
    difference_minor bigint NOT NULL,
    -- how many rows of each side
    our_rows bigint NOT NULL,
    their_rows bigint NOT NULL,
    detail text NOT NULL,
    at_us bigint NOT NULL,
    opened_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    closed_us bigint NOT NULL,
    first_run text NOT NULL,
    last_run text NOT NULL,
    resolution text NOT NULL,
    decided_by text NOT NULL
);
CREATE UNIQUE INDEX recon_break_subject ON recon_break (subject);
CREATE INDEX recon_break_open ON recon_break (gateway, risk) WHERE state IN (1, 2);
CREATE INDEX recon_break_payment ON recon_break (payment_id) WHERE payment_id <> '';

CREATE TABLE recon_break_event (
    break_id text NOT NULL,
    number bigint NOT NULL,
    at_us bigint NOT NULL,
    actor text NOT NULL,
    what text NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (break_id, number)
);
