-- SPDX-License-Identifier: Apache-2.0
-- 0033: kept free.
CREATE TABLE kept_free_0033 (id text PRIMARY KEY);
