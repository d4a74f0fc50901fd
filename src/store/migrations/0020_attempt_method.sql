-- SPDX-License-Identifier: Apache-2.0
-- 0020: how an attempt was to be paid: the customer may choose another way for the same payment
-- afterwards. 0: before this was written down; its payment's method is the best that is known.
ALTER TABLE attempt ADD COLUMN method bigint NOT NULL DEFAULT 0;
