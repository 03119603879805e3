#pragma once
// Search: which words a message has, and which words a person looks for. Both come of the same expression, so that what
// stands in a message is found by the same characters. Pure functions, thread-safe; time and length are linear in what
// is given.
#include <string>
#include <string_view>

namespace parley::projections {

/// The words of a text as SQL, a tsvector. `text`: a SQL expression.
///
/// PostgreSQL's parser reads "broke.Please" as a host, "refund/exchange" as a path and "A-1234" as A and minus 1234.
/// Here every sign ends a word. One or two letters and a number after them (A-1234, A1234) are one word more, because
/// 'a' alone is a word that is not indexed. So are the last ten digits of each number of ten or more (a phone number
/// without its country), however they are grouped, at the end of the text. Characters are in NFC; stress marks, soft
/// hyphens and what nobody reads are left out.
std::string words_of(std::string_view text);
/// The words of a row of `messages` and its owner as one word more, so that a search reads one owner's messages.
/// 0009_search.sql indexes exactly this, or the index is not used.
std::string message_words();

/// What a person typed, for words_wanted(): each word in quotes, so that a word with signs in it ("user@example.com",
/// "A-1234") is its parts next to each other. What was in quotes, "or" and the minus before a word stay. A phone
/// number, which may have spaces in it, is its last ten digits.
std::string search_terms(std::string_view typed);
/// What is looked for as SQL, a tsquery. `terms`: a SQL expression whose value search_terms() made.
std::string words_wanted(std::string_view terms);

}  // namespace parley::projections
