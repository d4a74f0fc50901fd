-- SPDX-License-Identifier: Apache-2.0
-- 0045: messages to people: what is said, to whom, and what became of it for each of them.

-- How a customer is reached, as the shop tells us; a payment knows an e-mail address at the most.
CREATE TABLE customer_contact (
    customer_id text PRIMARY KEY,
    email text NOT NULL,
    phone text NOT NULL,
    -- "en", "zh", '' where nobody said
    language text NOT NULL,
    updated_us bigint NOT NULL
);

CREATE TABLE message (
    id text PRIMARY KEY,
    -- numbers of audiences.def, situations.def, message_states.def
    audience bigint NOT NULL,
    situation bigint NOT NULL,
    state bigint NOT NULL,
    -- of those who have none of their own
    language text NOT NULL,
    -- "email,sms,webhook": each person is told by the first that reaches him
    channels text NOT NULL,
    -- JSON: as they were given; the texts as they stood then; who is written to
    fields text NOT NULL,
    texts text NOT NULL,
    recipients text NOT NULL,
    incident_id text NOT NULL,
    -- what the gate before "resolved" said; '' where it was not asked
    proof text NOT NULL,
    proof_us bigint NOT NULL,
    -- the next word is promised for then; 0: none is
    next_us bigint NOT NULL,
    reason text NOT NULL,
    author text NOT NULL,
    approval_id text NOT NULL,
    -- how far its preparing is
    gathered bigint NOT NULL,
    at text NOT NULL,
    persons bigint NOT NULL,
    -- SHA-256 over the digests of all its mailings in their order: what is approved
    hash text NOT NULL,
    problem_count bigint NOT NULL,
    problems text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    sent_us bigint NOT NULL
);
CREATE INDEX message_incident ON message (incident_id) WHERE incident_id <> '';

-- One row a person and message: nobody is written to twice.
CREATE TABLE mailing (
    id text PRIMARY KEY,
    message_id text NOT NULL,
    person text NOT NULL,
    customer_id text NOT NULL,
    email text NOT NULL,
    phone text NOT NULL,
    language text NOT NULL,
    -- written when the message is prepared
    number bigint NOT NULL,
    channel bigint NOT NULL,
    address text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    digest text NOT NULL,
    -- whose turn it is: a lane is sent by one task, a batch in one call
    lane bigint NOT NULL,
    batch bigint NOT NULL,
    state bigint NOT NULL,
    tries bigint NOT NULL,
    due_us bigint NOT NULL,
    code text NOT NULL,
    why text NOT NULL,
    provider_id text NOT NULL,
    updated_us bigint NOT NULL
);
CREATE UNIQUE INDEX mailing_person ON mailing (message_id, person);
CREATE INDEX mailing_turn ON mailing (message_id, lane, state, batch);
CREATE INDEX mailing_order ON mailing (message_id, id);
CREATE INDEX mailing_customer ON mailing (customer_id) WHERE customer_id <> '';

-- The payments that a mailing is about.
CREATE TABLE mailing_payment (
    message_id text NOT NULL,
    person text NOT NULL,
    reference text NOT NULL,
    order_id text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    PRIMARY KEY (message_id, person, reference)
);

-- How much a channel was given, so that it gets no more than it takes.
CREATE TABLE message_channel (
    name text PRIMARY KEY,
    even_us bigint NOT NULL,
    blocked_us bigint NOT NULL
);
