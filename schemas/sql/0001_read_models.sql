-- What the API reads. Every table is a fold of parley.events and can be rebuilt from it. A row is written by the events of one stream
-- alone; `version` is the stream's version that it reflects. No foreign keys: what spans streams may arrive in any order, and is joined
-- when read.

CREATE TABLE accounts (
  id                    bigint PRIMARY KEY,
  version               bigint NOT NULL,
  email                 text NOT NULL,
  first_name            text,
  last_name             text,
  balance_kopecks       bigint NOT NULL,
  welcome_bonus_kopecks bigint NOT NULL,
  last_login_at         timestamptz,
  created_at            timestamptz NOT NULL
);

CREATE TABLE assistants (
  id                  bigint PRIMARY KEY,
  version             bigint NOT NULL,
  owner_id            bigint NOT NULL,
  name                text NOT NULL,
  description         text,
  system_prompt       text,
  ai_model            text NOT NULL,
  is_active           boolean NOT NULL,
  site_token          text NOT NULL,
  telegram_bot_token  text, -- sealed under a server key
  website_integration boolean NOT NULL,
  allowed_domains     text[] NOT NULL,
  created_at          timestamptz NOT NULL
);
CREATE INDEX assistants_of_owner ON assistants (owner_id, created_at, id);

CREATE TABLE dialogs (
  id                bigint PRIMARY KEY,
  version           bigint NOT NULL,
  owner_id          bigint NOT NULL,
  assistant_id      bigint NOT NULL,
  platform          text NOT NULL,
  status            text NOT NULL,
  handoff_status    text NOT NULL,
  first_name        text,
  last_name         text,
  telegram_chat_id  text,
  telegram_username text,
  message_count     bigint NOT NULL,
  last_message      text,
  last_message_time timestamptz,
  last_activity_at  timestamptz NOT NULL, -- the last message, before the first one the opening: what lists are ordered by
  created_at        timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX dialogs_of_owner ON dialogs (owner_id, last_activity_at DESC, id DESC);
CREATE INDEX dialogs_of_assistant ON dialogs (assistant_id);

CREATE TABLE messages (
  dialog_id     bigint NOT NULL,
  version       bigint NOT NULL, -- of the dialog: the order of its messages
  id            bigint NOT NULL,
  sender        text NOT NULL,
  text          text NOT NULL,
  operator_name text,
  created_at    timestamptz NOT NULL,
  PRIMARY KEY (dialog_id, version)
);

-- Every event of the log, of types that this program does not know too: history and explanations without a scan of the log.
CREATE TABLE event_index (
  kind        text NOT NULL,
  stream_id   bigint NOT NULL,
  version     bigint NOT NULL,
  event_id    text NOT NULL,
  type        text NOT NULL,
  cause       text NOT NULL,
  correlation text NOT NULL,
  actor       text NOT NULL,
  at          timestamptz NOT NULL,
  hash        bytea NOT NULL,
  partition   integer NOT NULL,
  position    bigint NOT NULL, -- the offset in the partition of parley.events
  PRIMARY KEY (kind, stream_id, version)
);

-- How far each projection has come in each partition. Moved by compare-and-set in the transaction that writes the rows.
CREATE TABLE checkpoints (
  projection    text NOT NULL,
  partition     integer NOT NULL,
  next          bigint NOT NULL, -- the first offset that is not reflected
  topic_id      text,
  last_event_id text,            -- the last event that is reflected, and
  last_position bigint,          -- its offset: it must still stand there, or this is another log
  updated_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (projection, partition)
) WITH (fillfactor = 50);
