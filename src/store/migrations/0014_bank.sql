-- SPDX-License-Identifier: Apache-2.0
-- 0014: bank transfers. A row of the bank's statement is taken in once, by the bank's own name for
-- it, and says for ever what was made of it. States are those of bank_row_states.def.
CREATE TABLE bank_row (
    id text PRIMARY KEY,
    gateway text NOT NULL,
    -- the bank's own name for the row, unique for its account
    bank_id text NOT NULL,
    account text NOT NULL,
    virtual_account text NOT NULL,
    booked_on text NOT NULL,
    valued_on text NOT NULL,
    -- 1: the money came in; 0: it went out
    credit bigint NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    party_name text NOT NULL,
    -- masked, and the whole of it sealed with the master key; both empty when the bank says none
    party_account text NOT NULL,
    party_sealed text NOT NULL,
    remittance text NOT NULL,
    -- references with right check characters that were found in it, with blanks between
    named text NOT NULL,
    -- the bank's name for the row that this one takes back
    reverses text NOT NULL,
    source text NOT NULL,
    line bigint NOT NULL,
    taken_us bigint NOT NULL,
    taken_by text NOT NULL,
    state bigint NOT NULL,
    payment_id text NOT NULL,
    attempt_id text NOT NULL,
    operation_id text NOT NULL,
    -- of a row that paid more than was asked for: this much is in suspense
    excess_minor bigint NOT NULL,
    note text NOT NULL,
    matched_us bigint NOT NULL,
    matched_by text NOT NULL
);
CREATE UNIQUE INDEX bank_row_identity ON bank_row (gateway, bank_id);
CREATE INDEX bank_row_taken ON bank_row (taken_us);
CREATE INDEX bank_row_state ON bank_row (state, taken_us);
CREATE INDEX bank_row_payment ON bank_row (payment_id) WHERE payment_id <> '';
CREATE INDEX bank_row_attempt ON bank_row (attempt_id) WHERE attempt_id <> '';
-- A refund or return that a person has told his bank to pay. The debit row is what ends it.
CREATE TABLE bank_payout (
    operation_id text PRIMARY KEY,
    -- the credit row whose sender is paid
    row_id text NOT NULL,
    sent_us bigint NOT NULL,
    sent_by text NOT NULL,
    note text NOT NULL
);
-- Credit out of suspense (24) is store credit as well.
DROP INDEX posting_credit_given;
DROP INDEX posting_credit_taken;
CREATE INDEX posting_credit_given ON posting (credit_account) WHERE kind IN (8, 9, 19, 20, 24);
CREATE INDEX posting_credit_taken ON posting (debit_account) WHERE kind IN (8, 9, 19, 20, 24);
