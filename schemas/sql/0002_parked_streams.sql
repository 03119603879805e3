-- Streams that hold an event which a projection cannot apply. Such a stream waits, all others go on. Rows change only in transactions that hold
-- the checkpoint of the stream's partition.

CREATE TABLE parked_streams (
  projection text NOT NULL,
  stream     text NOT NULL,    -- as the events name it (ce_subject): 'dialog/1387'
  partition  integer NOT NULL,
  position   bigint NOT NULL,  -- of the first event that is not applied: its offset,
  version    bigint NOT NULL,  -- ce_sequence
  event_id   text NOT NULL,    -- and ce_id
  reason     text NOT NULL,    -- why that event could not be applied the last time
  since      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (projection, stream)
);

-- Every event of a parked stream that is not applied, the first one too: what is replayed, in the order of positions.
CREATE TABLE parked_events (
  projection text NOT NULL,
  stream     text NOT NULL,
  position   bigint NOT NULL,
  version    bigint NOT NULL,
  event_id   text NOT NULL,
  PRIMARY KEY (projection, stream, position)
);
