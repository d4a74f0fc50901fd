-- SPDX-License-Identifier: Apache-2.0
-- 0030: what gateways book for themselves (fees, reserves, corrections, payouts) is in our books as
-- well, and the balances that statements tell are held against ours.

-- What the gateway books for itself in this statement, and the balances that it tells: 0 not in our
-- books, 1 in them, 2 in part, on the way to the one or the other.
ALTER TABLE statement ADD COLUMN booked bigint NOT NULL DEFAULT 0;
CREATE INDEX statement_unbooked ON statement (gateway) WHERE state = 2 AND booked <> 1;
CREATE INDEX statement_booked_in_vain ON statement (gateway) WHERE state IN (3, 5) AND booked <> 0;

-- One row of a statement that is the gateway's own, as it was booked. A row whose statement counts,
-- no longer counts and counts again has one for each time that it was booked; at most one is in
-- force.
CREATE TABLE own_booking (
    -- the cause of its postings: "stm_…#12", "stm_…#12.2" the second time
    id text PRIMARY KEY,
    statement_id text NOT NULL,
    number bigint NOT NULL,
    gateway text NOT NULL,
    -- of recon/row_kinds.def
    kind bigint NOT NULL,
    currency text NOT NULL,
    -- as the row tells them; a fee that it does not tell is 0
    gross_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    -- when it moved there
    at_us bigint NOT NULL,
    -- the posting on the gateway's account; '' for a row that moves nothing but a fee
    posting_id text NOT NULL,
    -- a payout that a bank account of ours should receive: that account, the posting on it, until
    -- when it should be there, and what the bank may name it by. '' and 0: none
    bank text NOT NULL,
    due_id text NOT NULL,
    due_us bigint NOT NULL,
    reference text NOT NULL,
    batch text NOT NULL,
    -- 1 in force, 0 taken back
    booked bigint NOT NULL
);
CREATE UNIQUE INDEX own_booking_row ON own_booking (statement_id, number) WHERE booked = 1;
CREATE INDEX own_booking_bank ON own_booking (bank, at_us) WHERE bank <> '' AND booked = 1;
-- What a payout says that it pays out.
CREATE INDEX statement_row_batch ON statement_row (batch) WHERE batch <> '';

-- The balances that a statement tells, by currency, beside what its rows come to.
CREATE TABLE statement_balance (
    statement_id text NOT NULL,
    currency text NOT NULL,
    gateway text NOT NULL,
    -- reader and account: balances of one chain follow from each other
    chain text NOT NULL,
    opening_minor bigint NOT NULL,
    closing_minor bigint NOT NULL,
    moved_minor bigint NOT NULL,
    -- the order within a chain
    from_us bigint NOT NULL,
    until_us bigint NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (statement_id, currency)
);
CREATE INDEX statement_balance_gateway ON statement_balance (gateway);

-- Which row of the bank's statement ended a refund; and which stood on a line of a file.
CREATE INDEX bank_row_operation ON bank_row (operation_id) WHERE operation_id <> '';
CREATE INDEX bank_row_line ON bank_row (gateway, source, line);
