-- SPDX-License-Identifier: Apache-2.0
-- The running instances of the service: each says every second that it lives, so that what a dead
-- one left behind is taken over within seconds and not only when its leases end.
CREATE TABLE instance (
    id text PRIMARY KEY,
    started_us bigint NOT NULL,
    seen_us bigint NOT NULL
);
