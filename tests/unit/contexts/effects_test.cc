#include "domain/effects/effects.h"

#include "tests/unit/contexts/frozen.h"
#include "tests/unit/contexts/given.h"

namespace parley::effects {
namespace {

const SwitchOn kCommand{"log-1", "looked at everything"};
const SwitchedOn kSwitched{"log-1", "looked at everything"};

auto given(std::initializer_list<Event> events) { return given_events<State, Event>(events).by(ConsoleOperator{}); }
using Events = std::vector<Event>;

TEST(Effects, are_switched_on_by_the_operator_at_the_console_once_in_a_log) {
  const auto first = given({}).when(kCommand);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->events, Events{kSwitched});
  EXPECT_EQ(first->answer, Answer{AreOn{.were_on = false}});
  const auto again = given({kSwitched}).when(SwitchOn{"log-1", "once more"});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->events.empty());
  EXPECT_EQ(again->answer, Answer{AreOn{.were_on = true}});
}
TEST(Effects, of_a_log_that_was_restored_later_are_switched_on_anew) {
  EXPECT_EQ(given({kSwitched}).when(SwitchOn{"log-2", "looked"})->events, (Events{SwitchedOn{"log-2", "looked"}}));
  EXPECT_EQ(given({kSwitched, SwitchedOn{"log-2", "looked"}}).state, (State{On{"log-2"}}));
}
TEST(Effects, are_nobodys_to_switch_on_but_the_consoles) {
  const AccountId anna{1025}, boris{2049};
  for (const auto& who :
       {Principal{Anonymous{}}, Principal{Owner{anna}}, Principal{Operator{boris, anna}}, Principal{Admin{anna}},
        Principal{Visitor{AssistantId{1025}}}, Principal{ApiClient{ApiKeyId{1025}, anna}}, Principal{Reactor{}}}) {
    EXPECT_EQ(given({}).by(who).when(kCommand).error().code, kInsufficientPermissions) << to_string(who);
  }
}
TEST(Effects, have_a_stream_of_their_own_in_each_partition) {
  for (int partitions = 1; partitions <= kSlots; ++partitions) {
    for (int partition = 0; partition < partitions; ++partition)
      ASSERT_EQ(partition_of(slot_of(stream_of(partition, partitions)), partitions), partition) << partitions;
  }
}

}  // namespace

// Add lines, never edit one.
std::vector<FrozenEvent> frozen() {
  return frozen_events<Event>({
      {SwitchedOn{"Jq3Tg", "looked"}, "parley.effects.switched_on.v1", R"({"log":"Jq3Tg","reason":"looked"})"},
  });
}

}  // namespace parley::effects
