-- SPDX-License-Identifier: Apache-2.0
-- 0010: what cards were declined for, so that none is asked more often than its network allows. A
-- card is known by digests of its tokens and of the gateway's own fingerprint of it, keyed with the
-- master key: none of them says anything without that. Rows are written by declines only; one that
-- was never declined has none.
CREATE TABLE card_name (
    name text PRIMARY KEY,
    card text NOT NULL
);
CREATE INDEX card_name_card ON card_name (card);
CREATE TABLE card_standing (
    card text PRIMARY KEY,
    scheme text NOT NULL DEFAULT '',
    -- When its bank said that it will never approve; 0: it did not.
    never_us bigint NOT NULL DEFAULT 0,
    touched_us bigint NOT NULL
);
CREATE INDEX card_standing_touched ON card_standing (touched_us) WHERE never_us = 0;
-- One row an attempt: category 0 is one that was sent and not declined (yet), else a number of
-- network_category.
CREATE TABLE card_try (
    attempt_id text PRIMARY KEY,
    card text NOT NULL,
    gateway text NOT NULL,
    category bigint NOT NULL,
    at_us bigint NOT NULL
);
CREATE INDEX card_try_card ON card_try (card, at_us);
CREATE INDEX card_try_at ON card_try (at_us);
-- When a payment that failed is worth another try, as far as anybody can say; 0: not said.
ALTER TABLE payment ADD COLUMN failure_again_us bigint NOT NULL DEFAULT 0;
