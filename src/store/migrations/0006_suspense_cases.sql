-- SPDX-License-Identifier: Apache-2.0
-- 0006: what a case posted, about which object at the gateway, and what a person had done about it;
-- whether a payment lets its order have others.
ALTER TABLE payment ADD COLUMN several_per_order bigint NOT NULL DEFAULT 0;
-- The gateway's names for the money that the case is about.
ALTER TABLE review_case ADD COLUMN gateway_id text NOT NULL DEFAULT '';
ALTER TABLE review_case ADD COLUMN charge_id text NOT NULL DEFAULT '';
ALTER TABLE review_case ADD COLUMN refund_id text NOT NULL DEFAULT '';
-- The event without a refund's name that told of the same refund.
ALTER TABLE review_case ADD COLUMN event_id text NOT NULL DEFAULT '';
-- A number of postings.def: how amount_minor was posted when the case was opened; 0: it was not.
ALTER TABLE review_case ADD COLUMN posted bigint NOT NULL DEFAULT 0;
-- The latest return that was asked for, and who decided.
ALTER TABLE review_case ADD COLUMN operation_id text NOT NULL DEFAULT '';
ALTER TABLE review_case ADD COLUMN decided_by text NOT NULL DEFAULT '';
CREATE INDEX review_case_payment ON review_case (payment_id) WHERE payment_id <> '';
CREATE INDEX review_case_operation ON review_case (operation_id) WHERE operation_id <> '';
