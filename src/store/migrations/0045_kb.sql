-- SPDX-License-Identifier: Apache-2.0
-- The knowledge base: every version of a page that was edited here.

CREATE TABLE kb_version (
    page text NOT NULL,
    language text NOT NULL,
    -- goes on from the version that the page came with, which is stored with its first edit
    version bigint NOT NULL,
    -- the edit of kb_head that brought it: by it every instance learns what is new
    seq bigint NOT NULL,
    -- with its front matter
    text text NOT NULL,
    -- '' and 0 of the text that came with the program or stood in the folder
    author text NOT NULL,
    reason text NOT NULL,
    at_us bigint NOT NULL,
    PRIMARY KEY (page, language, version)
);
CREATE INDEX kb_version_seq ON kb_version (seq);

-- One row. Who edits holds it, so that two edits of a page come one after the other.
CREATE TABLE kb_head (
    id bigint PRIMARY KEY,
    seq bigint NOT NULL
);
INSERT INTO kb_head (id, seq) VALUES (1, 0);
