-- What each rebuild of the read models found (`parley rebuild`). No fold of events: a rebuild carries it over into the tables that it makes.

CREATE TABLE certificates (
  id         text PRIMARY KEY,    -- when it began, in digits: 20261121201500123
  projection text NOT NULL,
  outcome    text NOT NULL,       -- 'switched', 'equal', 'differs', 'parked', 'failed'
  started    timestamptz NOT NULL,
  finished   timestamptz NOT NULL,
  document   json NOT NULL        -- all of it, as `parley rebuild --json` prints it
);
