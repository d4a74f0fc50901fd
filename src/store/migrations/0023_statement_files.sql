-- SPDX-License-Identifier: Apache-2.0
-- 0023: how files of statements come in: given by a person in parts, or fetched from a gateway.
-- Times are microseconds since 1970 UTC.

-- A file that somebody gives. Its parts are there until it was taken in or refused.
CREATE TABLE statement_upload (
    id text PRIMARY KEY,
    gateway text NOT NULL,
    name text NOT NULL,
    -- "" where they are not said
    format text NOT NULL,
    map text NOT NULL,
    time_zone text NOT NULL,
    supersedes text NOT NULL,
    reason text NOT NULL,
    -- of all its bytes, as the giver says
    sha256 text NOT NULL,
    byte_count bigint NOT NULL,
    part_count bigint NOT NULL,
    -- 1 open, 2 being taken in, 3 taken in, 4 refused
    state bigint NOT NULL,
    actor text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    -- what was found of each file in it: JSON; "" before
    files text NOT NULL,
    -- why it was refused: JSON; ""
    error text NOT NULL
);
CREATE INDEX statement_upload_state ON statement_upload (state, updated_us);

-- Sealed with the master key: a gateway's file may hold card numbers, and nobody has looked yet.
CREATE TABLE statement_upload_part (
    upload_id text NOT NULL,
    number bigint NOT NULL,
    -- a keyed digest of its bytes
    digest text NOT NULL,
    content text NOT NULL,
    PRIMARY KEY (upload_id, number)
);

-- One row a file that a gateway publishes about a day of its own place ("2026-11-21").
CREATE TABLE statement_fetch (
    gateway text NOT NULL,
    kind text NOT NULL,
    day text NOT NULL,
    -- 1 waiting, 2 fetched and taken in, 3 there is none of that day, 4 given up: a person must
    -- look
    state bigint NOT NULL,
    -- 1: by the daily plan, 0: by a person only
    planned bigint NOT NULL,
    attempts bigint NOT NULL,
    -- of the last attempt; ""
    error text NOT NULL,
    -- "stm_… stm_…"
    statements text NOT NULL,
    actor text NOT NULL,
    created_us bigint NOT NULL,
    updated_us bigint NOT NULL,
    PRIMARY KEY (gateway, kind, day)
);
CREATE INDEX statement_fetch_day ON statement_fetch (day);
