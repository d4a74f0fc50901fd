-- SPDX-License-Identifier: Apache-2.0
-- 0011: disputes and their evidence; whose store credit is being changed.
CREATE TABLE dispute (
    id text PRIMARY KEY,
    version bigint NOT NULL,
    -- both '' when no payment of ours explains the charge
    payment_id text NOT NULL,
    attempt_id text NOT NULL,
    gateway text NOT NULL,
    -- the gateway's name for it, '' while only a person has told of it; and the person's
    gateway_id text NOT NULL,
    reference text NOT NULL,
    state bigint NOT NULL,
    inquiry bigint NOT NULL,
    reason text NOT NULL,
    network_reason text NOT NULL,
    note text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    -- how its amount is booked now: 0 not at all (it is with us), 6 on its payment, 11 in suspense
    posted bigint NOT NULL,
    -- how often it was taken: part of the postings' causes
    turns bigint NOT NULL,
    fee_minor bigint NOT NULL,
    due_us bigint NOT NULL,
    -- which of its deadlines have been told of
    warned bigint NOT NULL,
    source text NOT NULL,
    actor text NOT NULL,
    -- what we answer, by whom, and how far that has come
    answer bigint NOT NULL,
    answer_state bigint NOT NULL,
    answer_round bigint NOT NULL,
    answer_actor text NOT NULL,
    answer_error text NOT NULL,
    answer_sent_us bigint NOT NULL,
    answer_tries bigint NOT NULL,
    opened_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    closed_us bigint NOT NULL
);
CREATE UNIQUE INDEX dispute_gateway_id ON dispute (gateway, gateway_id) WHERE gateway_id <> '';
CREATE UNIQUE INDEX dispute_reference ON dispute (payment_id, reference) WHERE reference <> '';
CREATE INDEX dispute_payment ON dispute (payment_id);
CREATE INDEX dispute_open ON dispute (due_us) WHERE state IN (1, 2);

CREATE TABLE dispute_evidence (
    id text PRIMARY KEY,
    dispute_id text NOT NULL,
    kind text NOT NULL,
    text text NOT NULL,
    file_name text NOT NULL,
    media_type text NOT NULL,
    byte_count bigint NOT NULL,
    -- of the file's bytes, or of the text's
    sha256 text NOT NULL,
    -- the file, in base64
    content text NOT NULL,
    actor text NOT NULL,
    -- the answer it went with; 0: none yet
    answer_round bigint NOT NULL,
    created_us bigint NOT NULL
);
CREATE INDEX dispute_evidence_of ON dispute_evidence (dispute_id);

-- A row that is locked while a customer's credit is looked at and changed.
CREATE TABLE credit_holder (
    customer_id text PRIMARY KEY,
    since_us bigint NOT NULL
);
CREATE INDEX posting_credit_given ON posting (credit_account) WHERE kind IN (8, 9, 19, 20);
CREATE INDEX posting_credit_taken ON posting (debit_account) WHERE kind IN (8, 9, 19, 20);
