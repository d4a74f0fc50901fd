-- SPDX-License-Identifier: Apache-2.0
-- 0013: fraud rules. Numbers are those of risk/risk.h.
-- One row a decision: a payment's first, and one for each other method that its customer chooses.
CREATE TABLE risk_decision (
    subject text NOT NULL,
    number bigint NOT NULL,
    action bigint NOT NULL,
    score bigint NOT NULL,
    -- the calls to gateways before it: a denied payment has none after
    attempts bigint NOT NULL,
    -- what may change afterwards in the payment itself
    method text NOT NULL,
    card text NOT NULL,
    scorer bigint NOT NULL,
    scorer_score bigint NOT NULL,
    at_us bigint NOT NULL,
    decision text NOT NULL,
    PRIMARY KEY (subject, number)
);
-- How many payments, or how much, in one part of a window. The key is a keyed digest of whose it
-- is and of which velocity.
CREATE TABLE risk_velocity (
    key text NOT NULL,
    bucket_us bigint NOT NULL,
    moved bigint NOT NULL,
    expires_us bigint NOT NULL,
    PRIMARY KEY (key, bucket_us)
);
CREATE INDEX risk_velocity_expires ON risk_velocity (expires_us);
-- An address or a network is a range of 32 hexadecimal digits; everything else is what it is twice.
CREATE TABLE risk_listing (
    id text PRIMARY KEY,
    list bigint NOT NULL,
    dimension bigint NOT NULL,
    value text NOT NULL,
    low text NOT NULL,
    high text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    created_us bigint NOT NULL,
    expires_us bigint NOT NULL,
    -- 0: it stands (unless it has expired)
    removed_us bigint NOT NULL,
    removed_by text NOT NULL
);
CREATE INDEX risk_listing_value ON risk_listing (dimension, low) WHERE removed_us = 0;
