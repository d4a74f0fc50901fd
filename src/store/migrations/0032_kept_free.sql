-- SPDX-License-Identifier: Apache-2.0
-- 0032: kept free.
CREATE TABLE kept_free_0032 (id text PRIMARY KEY);
