-- Who an account is, and whose team it works for.

ALTER TABLE accounts
  ADD COLUMN role                 text NOT NULL DEFAULT 'owner',
  ADD COLUMN plan                 text NOT NULL DEFAULT 'trial',
  ADD COLUMN onboarding_completed boolean NOT NULL DEFAULT false,
  ADD COLUMN team_owner_id        bigint,                        -- of an operator, while it is in a team
  ADD COLUMN team_name            text,                          -- what it is called there
  ADD COLUMN is_active            boolean NOT NULL DEFAULT true; -- whether it may work there
CREATE INDEX accounts_of_team ON accounts (team_owner_id, created_at, id) WHERE team_owner_id IS NOT NULL;
