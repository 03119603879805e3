-- Search in what was said, for one owner at a time: without an owner of its own a common word would be looked up in everybody's messages.

ALTER TABLE messages ADD COLUMN owner_id bigint; -- the dialog's
UPDATE messages m SET owner_id = d.owner_id FROM dialogs d WHERE d.id = m.dialog_id;
ALTER TABLE messages ALTER COLUMN owner_id SET NOT NULL;

-- 'russian' stems words of Latin letters as English. The owner is a word that no text can hold, for the parser breaks texts at spaces. What is past the
-- first 20,000 characters of a message is not found: an index entry has a greatest size, and one that is too large would stop its stream.
CREATE INDEX messages_by_words ON messages USING gin (
  (to_tsvector('pg_catalog.russian', left(text, 20000)) || array_to_tsvector(ARRAY['owner ' || owner_id])));

-- What happened since a position, in the order of the log.
CREATE INDEX event_index_by_position ON event_index (partition, position);
