// Search: what is found and what is not, on a real PostgreSQL, by the API's own query.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "platform/postgres/migrator.h"
#include "projections/engine/batch.h"
#include "projections/queries.h"
#include "projections/schema.h"
#include "projections/search.h"
#include "tests/integration/event_log.h"
#include "tests/integration/postgres_fixture.h"

namespace parley::projections {
namespace {

using namespace std::chrono_literals;
using parley::testing::EventLog;
using parley::testing::message;
using parley::testing::opened;
using ::testing::HasSubstr;

constexpr AccountId kAnna{1024};
constexpr AssistantId kAssistant{1025};
constexpr std::int32_t kPartition = 3;
// What the API lets through (kSearchMax), and what a message may hold.
constexpr std::size_t kQueryMax = 500, kMessageMax = 10'000;
constexpr std::string_view kBefore = "0009_search.sql";

/// A message and what finds it or does not.
struct Said {
  std::string text;
  std::vector<std::string> found = {};
  std::vector<std::string> not_found = {};
};

std::string utf8(unsigned code) {
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
  return {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
          static_cast<char>(0x80 | (code & 0x3F))};
}
/// With \u0306 as that character.
std::string unescaped(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line.substr(i).starts_with("\\u") && i + 6 <= line.size()) {
      out += utf8(static_cast<unsigned>(std::stoul(std::string(line.substr(i + 2, 4)), nullptr, 16)));
      i += 5;
    } else {
      out += line[i];
    }
  }
  return out;
}

std::vector<Said> corpus() {
  std::ifstream file(std::string(PARLEY_SOURCE_DIR) + "/tests/integration/search_corpus.txt");
  std::vector<Said> all;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with("#")) continue;
    if (line.starts_with("  + ")) {
      all.back().found.push_back(unescaped(line.substr(4)));
    } else if (line.starts_with("  - ")) {
      all.back().not_found.push_back(unescaped(line.substr(4)));
    } else {
      all.push_back({unescaped(line)});
    }
  }
  return all;
}

class Search : public postgres::testing::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (!IsSkipped()) migrate(migrations());
  }
  void TearDown() override {
    lease_.reset();
    pool_.reset();
    PostgresTest::TearDown();
  }

  void migrate(std::span<const postgres::Migration> steps) {
    const auto migrated = postgres::migrate(session(), steps);
    ASSERT_TRUE(migrated) << migrated.error().detail;
    if (pool_) return;
    pool_.emplace(postgres::PoolOptions{.session = session(), .connections_max = 1});
    lease_.emplace(std::move(*pool_->lease(5s)));
  }
  /// Each is a dialog of its own: the first one has the id 1.
  void said(const std::vector<std::string>& texts) {
    Batch batch;
    const auto add = [&](const Stream& stream, const Event& event) {
      const auto written = log_.event(stream, event);
      const auto added = batch.add(written.envelope, written.value, kPartition, offset_++);
      ASSERT_TRUE(added) << added.error();
    };
    for (const auto& text : texts) {
      const Stream stream{Kind::dialog, ++dialogs_};
      add(stream, opened(kAssistant, kAnna));
      add(stream, message(dialogs_, text));
    }
    auto transaction = lease_->transaction();
    ASSERT_TRUE(transaction);
    const auto written = batch.write(*transaction);
    ASSERT_TRUE(written) << written.error().detail;
    ASSERT_TRUE(transaction->commit());
  }
  std::set<std::int64_t> found(const std::string& words) {
    const auto page = dialogs_of(*lease_, kAnna, {.words = words, .limit = 1'000});
    EXPECT_TRUE(page) << page.error().detail << " for " << words;
    std::set<std::int64_t> ids;
    if (!page) return ids;
    for (const auto& d : page->dialogs) ids.insert(d.id.value);
    return ids;
  }
  std::string plan(const std::string& condition) {
    EXPECT_TRUE(lease_->query("SET enable_seqscan = off"));
    const auto rows =
        lease_->query("EXPLAIN SELECT dialog_id FROM messages WHERE " + condition, postgres::Params("день", kAnna));
    std::string text;
    for (std::size_t i = 0; rows && i < rows->size(); ++i) {
      std::string line;
      (*rows)[i].into(line);
      text += line + "\n";
    }
    return text;
  }
  bool has_index(const char* name) {
    return !lease_
                ->query("SELECT FROM pg_class WHERE relname = $1 AND relnamespace = current_schema()::regnamespace",
                        postgres::Params(name))
                ->empty();
  }

  EventLog log_;
  std::int64_t offset_ = 0;
  std::int64_t dialogs_ = 0;
  std::optional<postgres::Pool> pool_;
  std::optional<postgres::Lease> lease_;
};

TEST_F(Search, FindsWhatWasSaidAndNothingElse) {
  const auto all = corpus();
  std::vector<std::string> texts;
  for (const auto& said : all) texts.push_back(said.text);
  said(texts);
  std::size_t pairs = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto id = static_cast<std::int64_t>(i) + 1;
    for (const auto& query : all[i].found)
      EXPECT_TRUE(found(query).contains(id)) << query << "\n  must find: " << all[i].text;
    for (const auto& query : all[i].not_found)
      EXPECT_FALSE(found(query).contains(id)) << query << "\n  must not find: " << all[i].text;
    pairs += all[i].found.size() + all[i].not_found.size();
  }
  EXPECT_GE(pairs, 200U);
}

TEST_F(Search, AMessageIsFoundByItsOwnText) {
  const auto all = corpus();
  std::vector<std::string> texts;
  for (const auto& said : all) texts.push_back(said.text);
  said(texts);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string quoted = all[i].text;
    std::ranges::replace(quoted, '"', ' ');
    EXPECT_TRUE(found("\"" + quoted + "\"").contains(static_cast<std::int64_t>(i) + 1)) << all[i].text;
  }
}

TEST_F(Search, ReadsOneOwnersMessagesByAnIndex) {
  said({"Добрый день"});
  EXPECT_THAT(
      plan(message_words() + " @@ (" + words_wanted("$1::text") + " && ('''owner ' || $2::bigint || '''')::tsquery)"),
      HasSubstr("messages_by_spoken_words"));
  EXPECT_FALSE(has_index("messages_by_words")) << "of the build before: nobody needs it";
}

TEST_F(Search, TheWorstQueryOfItsLengthIsAnsweredWithinTheStatementsTime) {
  const auto repeated = [](std::string_view part, std::size_t characters) {
    std::string text;
    while (text.size() < characters) text += part;
    text.resize(characters);
    return text;
  };
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) {
    texts.push_back(
        repeated(i % 2 == 0 ? "a-1 b.c/d 8 912 345-67-89 x@y.z " : "mail shop order word again ", kMessageMax));
  }
  said(texts);
  for (const std::string_view part : {"\"",
                                      "\"a\" ",
                                      "-",
                                      "- ",
                                      "-a ",
                                      "a-1",
                                      "a-1 ",
                                      "or ",
                                      "a or ",
                                      "a or -b ",
                                      "+",
                                      "1",
                                      "1 ",
                                      "8 912 345-67-89 ",
                                      "a.b",
                                      "x@y.z ",
                                      "\" \"",
                                      "<",
                                      "(",
                                      "((a",
                                      "mail or ",
                                      "mail ",
                                      "mail-shop-order-word-again ",
                                      "\"mail shop\" or ",
                                      "a\\",
                                      "'",
                                      ":*"}) {
    const auto page = dialogs_of(*lease_, kAnna, {.words = repeated(part, kQueryMax)});
    EXPECT_TRUE(page) << page.error().detail << " for " << part;
  }
}

TEST_F(Search, TheLargestMessageIsIndexedWhateverIsInIt) {
  for (const std::string_view part :
       {"1 ", "a-1 ", "1-", "\u1E9B\u0323", "\U0001D160", "я-1 ", "1", "\uFEFF", "<&@", "и\u0306"}) {
    std::string text;
    for (std::size_t i = 0; i < kMessageMax; ++i) text += part;
    said({text.substr(0, text.size() / part.size() * part.size())});
  }
}

class SearchBefore : public Search {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    const auto steps = migrations();
    const auto at = std::ranges::find(steps, kBefore, &postgres::Migration::name);
    migrate(steps.first(static_cast<std::size_t>(at - steps.begin())));
  }
};

TEST_F(SearchBefore, RowsFromBeforeTheMigrationAreFoundAndTheOlderBuildGoesOnSearching) {
  said({"It broke.Please send refund/exchange for мои\u0306 чаи\u0306ник"});
  migrate(migrations());
  for (const char* query : {"broke", "refund", "мой чайник", "refund/exchange"})
    EXPECT_EQ(found(query).size(), 1U) << query;
  EXPECT_THAT(
      plan("(to_tsvector('pg_catalog.russian', left(text, 20000)) || array_to_tsvector(ARRAY['owner ' || owner_id]))"
           " @@ (websearch_to_tsquery('pg_catalog.russian', $1) && ('''owner ' || $2::bigint || '''')::tsquery)"),
      HasSubstr("messages_by_words"));
}

}  // namespace
}  // namespace parley::projections
