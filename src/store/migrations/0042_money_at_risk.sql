-- SPDX-License-Identifier: Apache-2.0
-- 0042: what is at stake while an alert fires: "CNY 1234000 6170000;EUR …", for each currency minor
-- units a minute (0: not by the minute) and in all; '' where nothing is known.
ALTER TABLE alert ADD COLUMN money text NOT NULL DEFAULT '';
