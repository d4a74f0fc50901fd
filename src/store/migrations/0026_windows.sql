-- SPDX-License-Identifier: Apache-2.0
-- 0026: a time that is proved: everything touched between two moments, each attempt asked about at
-- its gateway. Times are microseconds since 1970 UTC.

CREATE TABLE recon_window (
    id text PRIMARY KEY,
    from_us bigint NOT NULL,
    until_us bigint NOT NULL,
    -- '' for all of them
    gateway text NOT NULL,
    -- 1 what was touched is being listed, 2 gateways are being asked, 3 done
    state bigint NOT NULL,
    actor text NOT NULL,
    -- the last attempt that was listed; listing goes on behind it after a crash
    listed_id text NOT NULL,
    begun_us bigint NOT NULL,
    ended_us bigint NOT NULL,
    -- what came of it, as JSON; '' before its end
    report text NOT NULL
);
CREATE INDEX recon_window_begun ON recon_window (begun_us);

CREATE TABLE recon_window_item (
    window_id text NOT NULL,
    attempt_id text NOT NULL,
    payment_id text NOT NULL,
    order_id text NOT NULL,
    gateway text NOT NULL,
    -- ours when it was listed and after its gateway was asked: numbers of attempt_states.def
    state_before bigint NOT NULL,
    state_after bigint NOT NULL,
    -- a number of window_verdicts.def; 0: not asked yet
    verdict bigint NOT NULL,
    -- the gateway's, of outcomes.def; what it took by its own word, -1 when it does not say
    outcome bigint NOT NULL,
    their_minor bigint NOT NULL,
    our_minor bigint NOT NULL,
    currency text NOT NULL,
    detail text NOT NULL,
    asked_us bigint NOT NULL,
    PRIMARY KEY (window_id, attempt_id)
);
CREATE INDEX recon_window_item_open ON recon_window_item (window_id) WHERE verdict = 0;
