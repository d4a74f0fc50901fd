-- SPDX-License-Identifier: Apache-2.0
-- 0033: what happened by the minute and by the hour, for thirteen months; and what kind of customer
-- pays (segment: the merchant's own word, '' for none).

ALTER TABLE payment ADD COLUMN customer_segment text NOT NULL DEFAULT '';

-- What the figures are of; the words once, their number in each row.
CREATE TABLE metric_slice (
    id bigint PRIMARY KEY,
    -- a number of slice_operations.def
    operation bigint NOT NULL,
    gateway text NOT NULL,
    method text NOT NULL,
    region text NOT NULL,
    currency text NOT NULL,
    segment text NOT NULL
);
CREATE UNIQUE INDEX metric_slice_words ON metric_slice
    (operation, gateway, method, region, currency, segment);

-- One row per minute and slice in which anything happened, of each process that saw it (writer: a
-- random number of its life). A row is written once and never changed, so that writing it again
-- does nothing. Minutes and hours are those since 1970 UTC.
CREATE TABLE metric_minute (
    minute bigint NOT NULL,
    slice bigint NOT NULL,
    writer bigint NOT NULL,
    ok bigint NOT NULL,
    declined bigint NOT NULL,
    failed bigint NOT NULL,
    repeated bigint NOT NULL,
    ok_minor bigint NOT NULL,
    lost_minor bigint NOT NULL,
    duration_us bigint NOT NULL,
    -- "bucket:count bucket:count" (slice_bucket_of), and "code:count code:count"
    durations text NOT NULL,
    codes text NOT NULL,
    PRIMARY KEY (minute, slice, writer)
);

-- The same by the hour, of all processes together; made from the minutes, again and again as long
-- as minutes of the hour arrive.
CREATE TABLE metric_hour (
    hour bigint NOT NULL,
    slice bigint NOT NULL,
    ok bigint NOT NULL,
    declined bigint NOT NULL,
    failed bigint NOT NULL,
    repeated bigint NOT NULL,
    ok_minor bigint NOT NULL,
    lost_minor bigint NOT NULL,
    duration_us bigint NOT NULL,
    durations text NOT NULL,
    codes text NOT NULL,
    PRIMARY KEY (hour, slice)
);
-- Hours whose row is not made yet from all that is known of them.
CREATE TABLE metric_hour_due (
    hour bigint PRIMARY KEY
);
