-- SPDX-License-Identifier: Apache-2.0
-- What customers complain of, and what was changed: both are told to us, and both are looked at
-- when something is wrong.

CREATE TABLE complaint (
    id text PRIMARY KEY,
    -- when it was made, as far as it was said; when it was recorded
    at_us bigint NOT NULL,
    created_us bigint NOT NULL,
    -- '' where it is about no payment that is known here
    payment_id text NOT NULL,
    order_id text NOT NULL,
    channel text NOT NULL,
    -- a number of complaint_kinds.def
    kind bigint NOT NULL,
    -- a digest; '' where nobody said who
    customer text NOT NULL,
    -- of the payment
    gateway text NOT NULL,
    method text NOT NULL,
    region text NOT NULL,
    currency text NOT NULL,
    text text NOT NULL,
    -- its number where it came from; '' for none
    reference text NOT NULL,
    actor text NOT NULL
);
CREATE UNIQUE INDEX complaint_reference ON complaint (reference) WHERE reference <> '';
CREATE INDEX complaint_at ON complaint (at_us);

CREATE TABLE change (
    id text PRIMARY KEY,
    at_us bigint NOT NULL,
    created_us bigint NOT NULL,
    -- a number of change_kinds.def
    kind bigint NOT NULL,
    what text NOT NULL,
    -- who did it; '' where nobody said
    done_by text NOT NULL,
    reference text NOT NULL,
    actor text NOT NULL
);
CREATE INDEX change_at ON change (at_us);
