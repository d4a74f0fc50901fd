-- SPDX-License-Identifier: Apache-2.0
-- 0040: payments that we make ourselves to see whether a gateway works (payment/probes.h). Their
-- payments, attempts and postings stand with all others, with payment.purpose 100.

-- One row a configured probe: the run at hand, or the last one.
CREATE TABLE probe (
    name text PRIMARY KEY,
    -- how many runs there have been; with the name it is the order of the run's payment
    number bigint NOT NULL,
    -- 1 waits for its time, 2 pays, 3 takes back what it has paid
    state bigint NOT NULL,
    -- 1: somebody wants a run now
    asked bigint NOT NULL,
    payment_id text NOT NULL,
    gateway text NOT NULL,
    method bigint NOT NULL,
    way bigint NOT NULL,
    -- a number of probe_results.def; 0: none yet
    result bigint NOT NULL,
    code text NOT NULL,
    duration_us bigint NOT NULL,
    begun_us bigint NOT NULL,
    judged_us bigint NOT NULL,
    ended_us bigint NOT NULL,
    due_us bigint NOT NULL,
    -- how many runs in a row went amiss, and since when
    failures bigint NOT NULL,
    failing_us bigint NOT NULL,
    ok_us bigint NOT NULL,
    -- why the last time was let pass
    note text NOT NULL
);
