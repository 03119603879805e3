// What stands in a log is read by every later build, and read as what it meant.
#include "tests/unit/contexts/frozen.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "domain/model.h"
#include "schemas/events.h"

namespace parley {
namespace {

std::vector<FrozenEvent> all_frozen() {
  std::vector<FrozenEvent> out;
  const auto add = [&](std::vector<FrozenEvent> lines) { std::ranges::move(lines, std::back_inserter(out)); };
#define PARLEY_CONTEXT(context, kind) add(context::frozen());
#define PARLEY_CONTEXT_WITHOUT_STREAMS(context) PARLEY_CONTEXT(context, )
#include "domain/contexts.def"
  return out;
}
bool is_old(std::string_view type) { return std::ranges::count(schema::old_event_types(), type) > 0; }

TEST(Frozen, each_type_of_event_has_a_line) {
  std::set<std::string_view> types;
  for (const auto& line : all_frozen()) types.insert(line.type);
  EXPECT_THAT(types, testing::UnorderedElementsAreArray(schema::event_types()));
}
TEST(Frozen, events_of_earlier_builds_are_read_and_written_as_ever) {
  for (const auto& line : all_frozen()) {
    const auto decoded = schema::decode_event(line.type, line.json);
    ASSERT_TRUE(decoded && *decoded) << line.type;
    EXPECT_EQ(**decoded, line.event) << line.type;
    const auto encoded = schema::encode_event(line.event);
    if (is_old(line.type)) {
      EXPECT_NE(encoded.type, line.type) << "an old type is written";
    } else {
      EXPECT_EQ(encoded.type, line.type);
      EXPECT_EQ(encoded.json, line.json);
    }
  }
}
TEST(Frozen, the_states_that_the_events_lead_to_survive_a_store) {
  for (const auto kind : kinds()) {
    State state = initial_state(kind);
    std::int64_t version = 0;
    for (const auto& line : all_frozen()) {
      if (!belongs(line.event, kind)) continue;
      state = evolve(state, line.event, {Timestamp{std::chrono::milliseconds{7}}, ++version});
      EXPECT_EQ(schema::decode_state(schema::encode_state(state)), state) << line.type;
    }
  }
}

}  // namespace
}  // namespace parley
