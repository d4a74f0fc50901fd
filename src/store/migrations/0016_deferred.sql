-- SPDX-License-Identifier: Apache-2.0
-- 0016: orders that are paid later: held for their customer with a link, queued until a gateway can
-- be reached, or paid by hand with a second person's word. Times are microseconds since 1970 UTC.

-- Until when an order is held for its customer (0: it is not), and until when a payment that was
-- taken without a gateway may be charged (0: it waits in no queue).
ALTER TABLE payment ADD COLUMN deferred_until_us bigint NOT NULL DEFAULT 0;
ALTER TABLE payment ADD COLUMN queued_until_us bigint NOT NULL DEFAULT 0;

-- One row an order that was held once. The link itself is nowhere: only what tells that it is one.
CREATE TABLE deferral (
    payment_id text PRIMARY KEY,
    -- SHA-256 of the link's secret
    token_hash text NOT NULL,
    -- how many of its reminders have been told
    reminded bigint NOT NULL,
    created_us bigint NOT NULL
);
CREATE UNIQUE INDEX deferral_token ON deferral (token_hash);

-- Payments that were taken without a gateway. done_us: when they left the queue, however that was.
CREATE TABLE forward (
    payment_id text PRIMARY KEY,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    until_us bigint NOT NULL,
    created_us bigint NOT NULL,
    done_us bigint NOT NULL
);
CREATE INDEX forward_open ON forward (currency) WHERE done_us = 0;

-- A row that is locked while what waits in its currency is summed up and added to; and before
-- which moment no other one is sent.
CREATE TABLE forward_gate (
    currency text PRIMARY KEY,
    next_us bigint NOT NULL
);

-- What one person asks and another one decides. kind and state are numbers of desk/approval_*.def.
CREATE TABLE approval (
    id text PRIMARY KEY,
    kind bigint NOT NULL,
    subject text NOT NULL,
    state bigint NOT NULL,
    -- the actor as it is on the audit log, and the person behind it
    asked_by text NOT NULL,
    asked_person text NOT NULL,
    asked_reason text NOT NULL,
    decided_by text NOT NULL,
    decided_person text NOT NULL,
    decided_reason text NOT NULL,
    created_us bigint NOT NULL,
    decided_us bigint NOT NULL
);
CREATE UNIQUE INDEX approval_open ON approval (kind, subject) WHERE state = 1;

-- Payments whose money came past every gateway. Its evidence lies with that of disputes, under the
-- payment's id.
CREATE TABLE manual_payment (
    payment_id text PRIMARY KEY,
    approval_id text NOT NULL,
    -- a number of desk/paid_by.def
    paid_by bigint NOT NULL,
    reference text NOT NULL,
    received_us bigint NOT NULL,
    -- 1 until it is rejected
    live bigint NOT NULL
);
-- The same transfer pays for one order.
CREATE UNIQUE INDEX manual_payment_reference ON manual_payment (paid_by, reference) WHERE live = 1;
