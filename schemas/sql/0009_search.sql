-- What was said is found by the same characters, whichever way they are typed: as the words of a message count, every sign ends a word ("broke.Please",
-- "refund/exchange", URLs), in NFC, without stress marks and what nobody reads; a code such as A-1234 is one word more, and so are the last ten digits
-- of a phone number, however they are grouped. projections/search.cc makes the same expression and says why each part is there.

CREATE INDEX messages_by_spoken_words ON messages USING gin (
  (to_tsvector('pg_catalog.russian', replace(replace(
    CASE WHEN text ~ '[0-9/@+<&\u00AD\u0300-\u03FF\u0483-\u0489\u0530-\u200F\u202A-\u202F\u2060-\u209F\u20D0-\u2115\u2117-\U0001F2FF\U0001FB00-\U0010FFFF]'
    THEN translate(regexp_replace(
        CASE WHEN text ~ '[\u00AD\u0300-\u03FF\u0483-\u0489\u0530-\u200F\u202A-\u202F\u2060-\u209F\u20D0-\u2115\u2117-\U0001F2FF\U0001FB00-\U0010FFFF]'
        THEN regexp_replace(normalize(left(text, 20000), NFC), '[\u00AD\u0300-\u036F\u200B-\u200F\u202A-\u202E\u2060\u20D0-\u20FF\uFE00-\uFE0F\uFEFF]', '', 'g')
        ELSE left(text, 20000) END,
        '\m([A-Za-zА-Яа-яЁё]{1,2})[-\u2010\u2011]?([0-9]+)', '\1\2 \1 \2', 'g'), '/@+<&', '     ')
      || CASE WHEN text ~ '([0-9][ ()\u00A0\u2009\u202F\u2010-\u2015\u2212-]{0,3}){9}[0-9]'
        THEN ' ' || regexp_replace(regexp_replace(
            regexp_replace(left(text, 20000), '([0-9])[ ()\u00A0\u2009\u202F\u2010-\u2015\u2212-]{1,3}(?=[0-9])', '\1', 'g'), '[^0-9]+', ' ', 'g'),
            '\m[0-9]*([0-9]{10})\M', '\1', 'g')
        ELSE '' END
    ELSE left(text, 20000) END, '.', ' '), '-', ' ')) || array_to_tsvector(ARRAY['owner ' || owner_id])));

-- The index before it is what searches of APIs of the older build use. Where nobody has said anything yet there are none.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM messages) THEN
    DROP INDEX messages_by_words;
  END IF;
END $$;
