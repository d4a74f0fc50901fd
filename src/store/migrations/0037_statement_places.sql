-- SPDX-License-Identifier: Apache-2.0
-- 0037: statements that come into a folder or are at a URL: which files a day's are.

-- As they were looked at last, a line each: bytes, changed (nanoseconds), inode, SHA-256 of what
-- was read ("-": not read yet), name
ALTER TABLE statement_fetch ADD COLUMN files text NOT NULL DEFAULT '';
-- when that was; 0: never
ALTER TABLE statement_fetch ADD COLUMN looked_us bigint NOT NULL DEFAULT 0;
