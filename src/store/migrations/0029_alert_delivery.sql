-- SPDX-License-Identifier: Apache-2.0
-- 0029: what is told to people and other systems, and how each way of telling them does. Times are
-- microseconds since 1970 UTC, 0: never.

CREATE TABLE alert_delivery (
    id text PRIMARY KEY,
    channel text NOT NULL,
    fingerprint text NOT NULL,
    -- of the notice: 0 to 3, P0 to P3
    severity bigint NOT NULL,
    headline text NOT NULL,
    -- the notice as JSON
    notice text NOT NULL,
    -- a number of delivery_states.def
    state bigint NOT NULL,
    tries bigint NOT NULL,
    -- 1: the last try may have been received
    in_doubt bigint NOT NULL,
    created_us bigint NOT NULL,
    -- while it waits: not before
    due_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    -- of the last try that failed, or what is to be known of one that did not
    last_code text NOT NULL,
    last_error text NOT NULL,
    provider_id text NOT NULL,
    -- the delivery that this one stands in for, the one that stands in for this, and the one whose
    -- message tells of this; '' for none
    fallback_for text NOT NULL,
    fallback_id text NOT NULL,
    folded_into text NOT NULL
);
CREATE INDEX alert_delivery_waiting ON alert_delivery (channel, severity, id) WHERE state = 1;
CREATE INDEX alert_delivery_ended ON alert_delivery (updated_us) WHERE state <> 1;
CREATE INDEX alert_delivery_channel ON alert_delivery (channel, id);

CREATE TABLE alert_channel (
    name text PRIMARY KEY,
    -- when the next message would be due if they went out evenly: the rate's only memory
    even_us bigint NOT NULL,
    -- the provider wants nothing before
    blocked_us bigint NOT NULL,
    -- the delivery that is being sent, and when nobody waits for it any more
    sending text NOT NULL,
    sending_us bigint NOT NULL,
    sent_us bigint NOT NULL,
    failed_us bigint NOT NULL,
    -- in a row
    failures bigint NOT NULL,
    last_code text NOT NULL,
    last_error text NOT NULL
);
