-- SPDX-License-Identifier: Apache-2.0
-- 0009: payments that wait for their customer. `flow` is a number of gateway_flow: how he is asked
-- (0: not said). payment.action_url holds what his side is given, which is a URL for a redirect
-- only; action_expires_us says until when it works, attempt.expires_us when the order at the
-- gateway is closed if he has not paid (0: no customer is waited for).
ALTER TABLE payment ADD COLUMN flow bigint NOT NULL DEFAULT 0;
ALTER TABLE payment ADD COLUMN action_expires_us bigint NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN expires_us bigint NOT NULL DEFAULT 0;
