-- SPDX-License-Identifier: Apache-2.0
-- The support desk: versions of the pages of its knowledge base, and refunds that take two.

CREATE TABLE kb_version (
    page text NOT NULL,
    language text NOT NULL,
    -- goes on from the version that the page came with, which is stored with its first edit
    version bigint NOT NULL,
    -- the edit of kb_head that brought it: by it every instance learns what is new
    seq bigint NOT NULL,
    -- with its front matter
    text text NOT NULL,
    -- '' and 0 of the text that came with the program or stood in the folder
    author text NOT NULL,
    reason text NOT NULL,
    at_us bigint NOT NULL,
    PRIMARY KEY (page, language, version)
);
CREATE INDEX kb_version_seq ON kb_version (seq);

-- One row. Who edits holds it, so that two edits of a page come one after the other.
CREATE TABLE kb_head (
    id bigint PRIMARY KEY,
    seq bigint NOT NULL
);
INSERT INTO kb_head (id, seq) VALUES (1, 0);

-- Refunds above what one person refunds alone: asked by one, agreed to by another, then made.
CREATE TABLE refund_request (
    -- the approval's
    id text PRIMARY KEY,
    payment_id text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    to_original bigint NOT NULL,
    reason text NOT NULL,
    asked_by text NOT NULL,
    -- a number of desk/refund_request_states.def
    state bigint NOT NULL,
    -- the refund, once it was made; why it was not
    refund_id text NOT NULL,
    refusal text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL
);
CREATE INDEX refund_request_state ON refund_request (state, id);
CREATE INDEX refund_request_payment ON refund_request (payment_id);
