-- SPDX-License-Identifier: Apache-2.0
-- 0017: what is known of each credential that a gateway was ever used with: when it was first seen,
-- who brought it, and since when another one is in force. Never the credential: `fingerprint` is a
-- digest that only who has the master key can make.
CREATE TABLE credential (
    gateway text NOT NULL,
    name text NOT NULL,
    fingerprint text NOT NULL,
    first_us bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    replaced_us bigint NOT NULL,
    PRIMARY KEY (gateway, name, fingerprint)
);
