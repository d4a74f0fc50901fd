-- SPDX-License-Identifier: Apache-2.0
-- 0008: every repeat and question about what nobody knew, with its answer, for the story: one row a
-- question, also when it changed nothing. operation_id is '' for a question about a charge.
CREATE TABLE inquiry (
    id text PRIMARY KEY,
    payment_id text NOT NULL,
    attempt_id text NOT NULL,
    operation_id text NOT NULL DEFAULT '',
    gateway text NOT NULL,
    at_us bigint NOT NULL,
    -- "repeat", "query", "resume": what was asked; "callback", "check": what made us ask.
    source text NOT NULL,
    -- A number of gateway_outcomes: what was said, before anybody judged it.
    outcome bigint NOT NULL,
    code text NOT NULL DEFAULT '',
    http_status bigint NOT NULL DEFAULT 0,
    duration_us bigint NOT NULL DEFAULT 0
);
CREATE INDEX inquiry_payment ON inquiry (payment_id, at_us);
