-- SPDX-License-Identifier: Apache-2.0
-- 0031: what gateways kept of movements, as their statements tell it: held against what was
-- expected, and in the books (docs/decisions/0023). Amounts are minor units, + is kept.

-- One row a movement of ours (side 1) of which a statement that counts, or once did, tells a fee.
CREATE TABLE recon_fee (
    movement_id text PRIMARY KEY,
    gateway text NOT NULL,
    -- what was expected, by 1 the gateway's answer or 2 the line of the schedule; 0 by nothing:
    -- what was kept is taken as told
    basis bigint NOT NULL,
    line text NOT NULL,
    expected_minor bigint,
    -- what the statement tells; NULL: none that counts tells it any more
    kept_minor bigint,
    -- what the gateway's answers had told when that was compared; 0
    answered_minor bigint NOT NULL,
    -- by postings of kinds 50 and 51, and how many there were: each is a posting of its own
    posted_minor bigint NOT NULL,
    postings bigint NOT NULL
);

-- Fees that stand in a row of their own and name the payment that they were kept of. A row of
-- which nothing of ours is known yet has ''.
CREATE TABLE recon_fee_row (
    statement_id text NOT NULL,
    number bigint NOT NULL,
    gateway text NOT NULL,
    movement_id text NOT NULL,
    fee_minor bigint NOT NULL,
    -- two statements that tell the same fee of the same moment tell one
    at_us bigint NOT NULL,
    PRIMARY KEY (statement_id, number)
);
CREATE INDEX recon_fee_row_movement ON recon_fee_row (movement_id) WHERE movement_id <> '';
CREATE INDEX recon_fee_row_waiting ON recon_fee_row (gateway) WHERE movement_id = '';

-- And money in suspense that such a row names.
CREATE INDEX review_case_charge ON review_case (charge_id) WHERE charge_id <> '';

-- What was put together before this was known is looked at once more where a statement tells a fee
-- that our books do not have.
UPDATE movement SET open = 1 WHERE open IS NULL AND match_id IN (SELECT m.match_id FROM movement m
    JOIN statement s ON s.id = m.statement_id JOIN statement_row r ON r.statement_id =
    m.statement_id AND r.number = m.number JOIN movement o ON o.match_id = m.match_id AND o.side = 1
    JOIN posting p ON p.id = o.id WHERE m.side = 2 AND m.match_id <> '' AND s.state = 2 AND
    r.kind IN (1, 2, 3, 4, 5) AND r.status = 1 AND r.fee_minor <> 0 AND NOT EXISTS (SELECT 1 FROM
    posting f WHERE f.id IN ('pst_fee_' || p.journal_id, 'pst_dispute_fee_' || p.journal_id,
    'pst_dispute_fee_back_' || p.journal_id)));
