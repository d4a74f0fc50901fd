-- SPDX-License-Identifier: Apache-2.0
-- 0019: whose a key is, and addresses of e-mail on the fraud lists without capital letters.
-- The user that a key was made for; '': for nobody in particular.
ALTER TABLE api_key ADD COLUMN user_id text NOT NULL DEFAULT '';
-- Payments are compared so from now on (risk/fold.c); `value` stays as somebody wrote it.
UPDATE risk_listing SET low = lower(low), high = lower(high) WHERE dimension = 4;
