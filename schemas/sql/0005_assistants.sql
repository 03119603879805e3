-- A deleted assistant's row stays, for its dialogs to show its name.

ALTER TABLE assistants ADD COLUMN deleted_at timestamptz;
