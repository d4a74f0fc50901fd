-- SPDX-License-Identifier: Apache-2.0
-- Durable jobs (store/job.h) and the audit chain (store/audit.h). Times are microseconds UTC.

-- One row a live job. A leased job has a lease and its due_us is the lease's end, so that a lease
-- that runs out makes it due again by itself. hasten_us (0: none) keeps a job_hasten() that came
-- while the job was running. lost counts leases that ended without a report. parked_us 0: not
-- parked.
CREATE TABLE job (
    kind text NOT NULL,
    key text NOT NULL,
    id text NOT NULL,
    due_us bigint NOT NULL,
    attempts bigint NOT NULL,
    lost bigint NOT NULL,
    lease text NOT NULL,
    hasten_us bigint NOT NULL,
    parked_us bigint NOT NULL,
    created_us bigint NOT NULL,
    last_error text NOT NULL,
    payload text NOT NULL,
    PRIMARY KEY (kind, key)
);

CREATE INDEX job_due ON job (kind, due_us) WHERE parked_us = 0;

-- The chain: hash covers the hash of the entry before and every other column of the row.
CREATE TABLE audit_entry (
    number bigint NOT NULL PRIMARY KEY,
    id text NOT NULL,
    at_us bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    hash text NOT NULL
);

CREATE INDEX audit_entry_subject ON audit_entry (subject, number);

-- Exactly one row: the number and the hash of the last entry. Appending locks it.
CREATE TABLE audit_head (
    one bigint NOT NULL PRIMARY KEY,
    number bigint NOT NULL,
    hash text NOT NULL
);

INSERT INTO audit_head (one, number, hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
