-- SPDX-License-Identifier: Apache-2.0
-- What the service itself must remember about a database: key and value.
CREATE TABLE setting (
    key text PRIMARY KEY,
    value text NOT NULL
);
