-- SPDX-License-Identifier: Apache-2.0
-- 0012: plans, subscriptions, one invoice a period, and the tries to be paid. Times are
-- microseconds since 1970 UTC, but for local ones, which are seconds on the clocks of the
-- subscription's zone (base/calendar.h). States, units and policies are the numbers of the tables.

-- A plan's price and rhythm never change: whoever pays it agreed to them.
CREATE TABLE plan (
    id text PRIMARY KEY,
    name text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    unit bigint NOT NULL,
    unit_count bigint NOT NULL,
    trial_days bigint NOT NULL,
    -- what becomes of a subscription that nobody pays: 1 canceled, 2 unpaid
    when_unpaid bigint NOT NULL,
    active bigint NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL
);

CREATE TABLE subscription (
    id text PRIMARY KEY,
    version bigint NOT NULL,
    customer_id text NOT NULL,
    customer_email text NOT NULL,
    customer_region text NOT NULL,
    plan_id text NOT NULL,
    -- the plan from the next period on; '' the same
    next_plan_id text NOT NULL,
    method bigint NOT NULL,
    -- as in payment.tokens: references that only the gateway who issued them can use
    tokens text NOT NULL,
    description text NOT NULL,
    metadata text NOT NULL,
    state bigint NOT NULL,
    time_zone text NOT NULL,
    -- period anchor_number begins at anchor_local_s; anchor_day is the day of the month asked for
    anchor_number bigint NOT NULL,
    anchor_local_s bigint NOT NULL,
    anchor_day bigint NOT NULL,
    -- the last period that has an invoice; 0: none has yet
    period bigint NOT NULL,
    period_start_us bigint NOT NULL,
    period_end_us bigint NOT NULL,
    cancel_at_end bigint NOT NULL,
    reason text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    ended_us bigint NOT NULL
);
CREATE INDEX subscription_customer ON subscription (customer_id);
CREATE INDEX subscription_due ON subscription (period_end_us) WHERE state IN (1, 2, 3, 4);

CREATE TABLE invoice (
    id text PRIMARY KEY,
    subscription_id text NOT NULL,
    number bigint NOT NULL,
    state bigint NOT NULL,
    plan_id text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    period_start_us bigint NOT NULL,
    period_end_us bigint NOT NULL,
    -- the last payment that was made for it; '' none
    payment_id text NOT NULL,
    tries bigint NOT NULL,
    -- 1 while a try has no end; then nothing else is sent
    trying bigint NOT NULL,
    -- declines of the schedule, and troubles of gateways, counted apart
    declines bigint NOT NULL,
    outages bigint NOT NULL,
    -- 0: only a person, or another method, starts the next one
    next_try_us bigint NOT NULL,
    -- of the first decline, and when it is given up for that; 0: not declined
    declined_us bigint NOT NULL,
    give_up_us bigint NOT NULL,
    failure_code text NOT NULL,
    advice bigint NOT NULL,
    reason text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    paid_us bigint NOT NULL
);
-- A period is charged once (I5), and one at a time.
CREATE UNIQUE INDEX invoice_period ON invoice (subscription_id, number);
CREATE UNIQUE INDEX invoice_open ON invoice (subscription_id) WHERE state = 1;

CREATE TABLE invoice_try (
    invoice_id text NOT NULL,
    number bigint NOT NULL,
    state bigint NOT NULL,
    payment_id text NOT NULL,
    code text NOT NULL,
    advice bigint NOT NULL,
    created_us bigint NOT NULL,
    ended_us bigint NOT NULL,
    PRIMARY KEY (invoice_id, number)
);
