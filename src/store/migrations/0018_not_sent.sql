-- SPDX-License-Identifier: Apache-2.0
-- 0018: a payment for which no gateway was asked, because none took it at that moment: how near the
-- nearest one was, and the router's whole decision. `number` is the payment's version of then.
CREATE TABLE not_sent (
    payment_id text NOT NULL,
    number bigint NOT NULL,
    at_us bigint NOT NULL,
    method bigint NOT NULL,
    gateway text NOT NULL,
    common_code text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    decision text NOT NULL,
    PRIMARY KEY (payment_id, number)
);
CREATE INDEX not_sent_at ON not_sent (at_us);
