-- SPDX-License-Identifier: Apache-2.0
-- 0001: payments, attempts, operations, ledger, callbacks, webhooks, keys. One text for SQLite and
-- PostgreSQL. Times are microseconds since 1970 UTC; amounts are minor units; states and kinds are
-- the numbers of the .def tables, which only grow.

CREATE TABLE payment (
    id text PRIMARY KEY,
    version bigint NOT NULL,
    order_id text NOT NULL,
    -- 1 while this payment holds its order (PAY-15); NULL when it does not.
    holds_order bigint,
    state bigint NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    method bigint NOT NULL,
    purpose text NOT NULL,
    capture_later bigint NOT NULL,
    authorized_minor bigint NOT NULL,
    captured_minor bigint NOT NULL,
    -- refunds that succeeded, and all that might yet: their sum never exceeds captured (I10)
    refunded_minor bigint NOT NULL,
    refund_reserved_minor bigint NOT NULL,
    disputed_minor bigint NOT NULL,
    customer_id text NOT NULL,
    customer_region text NOT NULL,
    customer_vip bigint NOT NULL,
    customer_email text NOT NULL,
    customer_ip text NOT NULL,
    tokens text NOT NULL,
    return_url text NOT NULL,
    cancel_url text NOT NULL,
    description text NOT NULL,
    metadata text NOT NULL,
    action text NOT NULL,
    action_url text NOT NULL,
    failure_code text NOT NULL,
    failure_message text NOT NULL,
    review text NOT NULL,
    was_unknown bigint NOT NULL,
    attempts bigint NOT NULL,
    gateway text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL
);
CREATE UNIQUE INDEX payment_order_held ON payment (order_id) WHERE holds_order = 1;
CREATE INDEX payment_order ON payment (order_id);

CREATE TABLE attempt (
    id text PRIMARY KEY,
    payment_id text NOT NULL,
    number bigint NOT NULL,
    gateway text NOT NULL,
    state bigint NOT NULL,
    -- 1 while money may have moved or may yet: at most one per payment (I1)
    live bigint,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    token text NOT NULL,
    decision text NOT NULL,
    outcome bigint NOT NULL,
    source text NOT NULL,
    gateway_id text NOT NULL,
    charge_id text NOT NULL,
    code text NOT NULL,
    common_code text NOT NULL,
    message text NOT NULL,
    trace text NOT NULL,
    http_status bigint NOT NULL,
    reach bigint NOT NULL,
    duration_us bigint NOT NULL,
    was_unknown bigint NOT NULL,
    -- who is calling the gateway for it now, and until when nobody else may
    owner text NOT NULL,
    lease_us bigint NOT NULL,
    sent_us bigint NOT NULL,
    created_us bigint NOT NULL,
    settled_us bigint NOT NULL,
    -- wall time after which its callback counts as missing; 0: none is awaited
    callback_due_us bigint NOT NULL,
    callback_us bigint NOT NULL
);
CREATE UNIQUE INDEX attempt_one_live ON attempt (payment_id) WHERE live = 1;
CREATE UNIQUE INDEX attempt_number ON attempt (payment_id, number);
CREATE INDEX attempt_sending ON attempt (lease_us) WHERE state = 1;
-- Empty while all is well: what is open is counted without a look at what is over.
CREATE INDEX attempt_pending ON attempt (created_us) WHERE state = 2;
CREATE INDEX attempt_unknown ON attempt (created_us) WHERE state = 4;
CREATE INDEX attempt_gateway_id ON attempt (gateway_id) WHERE gateway_id <> '';
CREATE INDEX attempt_charge_id ON attempt (charge_id) WHERE charge_id <> '';
CREATE INDEX attempt_callback_due ON attempt (callback_due_us) WHERE callback_due_us > 0;

-- Captures, cancellations and refunds: each is written before the gateway is called (I2).
CREATE TABLE operation (
    id text PRIMARY KEY,
    payment_id text NOT NULL,
    attempt_id text NOT NULL,
    kind bigint NOT NULL,
    state bigint NOT NULL,
    gateway text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    final bigint NOT NULL,
    to_original bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    -- the failed refund that this one sends again
    retry_of text NOT NULL,
    outcome bigint NOT NULL,
    source text NOT NULL,
    refund_id text NOT NULL,
    code text NOT NULL,
    common_code text NOT NULL,
    message text NOT NULL,
    trace text NOT NULL,
    was_unknown bigint NOT NULL,
    tries bigint NOT NULL,
    owner text NOT NULL,
    lease_us bigint NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL
);
CREATE INDEX operation_payment ON operation (payment_id);
CREATE INDEX operation_sending ON operation (lease_us) WHERE state = 1;
CREATE INDEX operation_failed_refund ON operation (updated_us) WHERE kind = 3 AND state = 5;
CREATE INDEX operation_refund_id ON operation (refund_id) WHERE refund_id <> '';

-- The story of a payment, and the outbox of its webhooks: written with the change it tells of.
CREATE TABLE event (
    id text PRIMARY KEY,
    payment_id text NOT NULL,
    sequence bigint NOT NULL,
    type text NOT NULL,
    data text NOT NULL,
    at_us bigint NOT NULL
);
CREATE UNIQUE INDEX event_story ON event (payment_id, sequence);

CREATE TABLE idempotency (
    scope text NOT NULL,
    key text NOT NULL,
    request_hash text NOT NULL,
    operation text NOT NULL,
    resource_id text NOT NULL,
    state bigint NOT NULL,
    owner text NOT NULL,
    lease_us bigint NOT NULL,
    status bigint NOT NULL,
    body text NOT NULL,
    created_us bigint NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_age ON idempotency (created_us);

-- One row moves money from one account to another: it cannot be out of balance. Never changed,
-- only reversed by another row.
CREATE TABLE posting (
    id text PRIMARY KEY,
    journal_id text NOT NULL,
    kind bigint NOT NULL,
    payment_id text NOT NULL,
    debit_account text NOT NULL,
    credit_account text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    at_us bigint NOT NULL
);
CREATE INDEX posting_payment ON posting (payment_id);

CREATE TABLE callback (
    id text PRIMARY KEY,
    gateway text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    subject bigint NOT NULL,
    state bigint NOT NULL,
    headers text NOT NULL,
    body text NOT NULL,
    -- '' when the body is text as it came, 'base64' when it was not valid UTF-8
    encoding text NOT NULL,
    event text NOT NULL,
    payment_id text NOT NULL,
    result text NOT NULL,
    tries bigint NOT NULL,
    duplicates bigint NOT NULL,
    event_us bigint NOT NULL,
    received_us bigint NOT NULL,
    processed_us bigint NOT NULL
);
CREATE UNIQUE INDEX callback_once ON callback (gateway, event_id);
CREATE INDEX callback_payment ON callback (payment_id) WHERE payment_id <> '';
CREATE INDEX callback_parked ON callback (received_us) WHERE state = 5;

-- What a person must look at: a late success, a charge nobody asked for, an amount that differs.
CREATE TABLE review_case (
    id text PRIMARY KEY,
    kind text NOT NULL,
    state bigint NOT NULL,
    payment_id text NOT NULL,
    attempt_id text NOT NULL,
    gateway text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    resolution text NOT NULL,
    opened_us bigint NOT NULL,
    closed_us bigint NOT NULL
);
CREATE UNIQUE INDEX review_case_once ON review_case (kind, subject);
CREATE INDEX review_case_open ON review_case (opened_us) WHERE state = 1;

CREATE TABLE webhook_endpoint (
    id text PRIMARY KEY,
    url text NOT NULL,
    types text NOT NULL,
    description text NOT NULL,
    enabled bigint NOT NULL,
    -- sealed with the master key: never readable from the database alone
    sealed_secret text NOT NULL,
    sealed_secret_old text NOT NULL,
    old_until_us bigint NOT NULL,
    created_us bigint NOT NULL
);
CREATE TABLE webhook_delivery (
    id text PRIMARY KEY,
    endpoint_id text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    state bigint NOT NULL,
    tries bigint NOT NULL,
    last_status bigint NOT NULL,
    last_error text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL
);
CREATE UNIQUE INDEX webhook_delivery_once ON webhook_delivery (endpoint_id, event_id);
CREATE INDEX webhook_delivery_state ON webhook_delivery (state, updated_us);

CREATE TABLE api_key (
    id text PRIMARY KEY,
    name text NOT NULL,
    hash text NOT NULL,
    role bigint NOT NULL,
    scopes text NOT NULL,
    created_by text NOT NULL,
    created_us bigint NOT NULL,
    expires_us bigint NOT NULL,
    revoked_us bigint NOT NULL,
    last_used_us bigint NOT NULL
);
CREATE UNIQUE INDEX api_key_hash ON api_key (hash);

CREATE TABLE app_user (
    id text PRIMARY KEY,
    name text NOT NULL,
    password_hash text NOT NULL,
    role bigint NOT NULL,
    enabled bigint NOT NULL,
    failed_logins bigint NOT NULL,
    locked_until_us bigint NOT NULL,
    created_us bigint NOT NULL
);
CREATE UNIQUE INDEX app_user_name ON app_user (name);

CREATE TABLE session (
    hash text PRIMARY KEY,
    user_id text NOT NULL,
    csrf text NOT NULL,
    created_us bigint NOT NULL,
    seen_us bigint NOT NULL,
    expires_us bigint NOT NULL
);

CREATE TABLE gateway_control (
    gateway text PRIMARY KEY,
    state bigint NOT NULL,
    value text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at_us bigint NOT NULL
);
