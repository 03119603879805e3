-- The API keys that are good, as their owner lists them. A revoked one has no row.

CREATE TABLE api_keys (
  id           bigint PRIMARY KEY,
  account_id   bigint NOT NULL,
  name         text NOT NULL,
  scopes       text[] NOT NULL,
  hint         text NOT NULL, -- the key's last characters; nothing else of it is here
  created_at   timestamptz NOT NULL,
  last_used_at timestamptz    -- the first use in the latest hour that had one
);
CREATE INDEX api_keys_of_account ON api_keys (account_id, created_at, id);
