-- SPDX-License-Identifier: Apache-2.0
-- 0028: what each gateway's callbacks are verified with, of now and of before, for as long as old
-- ones are accepted: so that a restart in an overlap refuses no genuine callback. `sealed` with the
-- master key, and only what verifies: no API key, nothing that money is moved with. `digest` is a
-- keyed one over the same. until_us 0: in force.

CREATE TABLE credential_set (
    gateway text NOT NULL,
    digest text NOT NULL,
    sealed text NOT NULL,
    since_us bigint NOT NULL,
    until_us bigint NOT NULL,
    PRIMARY KEY (gateway, digest)
);
