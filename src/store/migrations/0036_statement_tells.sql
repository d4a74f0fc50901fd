-- SPDX-License-Identifier: Apache-2.0
-- 0036: what a statement tells all of, for its time.

-- Bits of recon/statement_tells.def. NULL of a statement that was taken in before this: then its
-- format says it, and where each file says it itself, the kinds of its rows do.
ALTER TABLE statement ADD COLUMN tells bigint;
-- A day's payouts tell nothing of what was charged on it.
UPDATE statement SET tells = 0 WHERE reader = 'stripe-report' AND file_id LIKE 'payout %';
