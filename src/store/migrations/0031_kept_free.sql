-- SPDX-License-Identifier: Apache-2.0
-- 0031: kept free.
CREATE TABLE kept_free_0031 (id text PRIMARY KEY);
