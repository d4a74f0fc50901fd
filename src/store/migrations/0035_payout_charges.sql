-- SPDX-License-Identifier: Apache-2.0
-- 0035: what banks deducted of payouts that they received, within what is allowed
-- (docs/decisions/0024). Amounts are minor units, + is deducted.

-- One row a payout that is due at a bank account of ours and of which a charge was ever booked.
CREATE TABLE payout_charge (
    due_id text PRIMARY KEY,
    bank text NOT NULL,
    -- by postings of kinds 54 and 55, and how many there were: each is a posting of its own
    posted_minor bigint NOT NULL,
    postings bigint NOT NULL
);
