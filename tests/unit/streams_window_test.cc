// What a window retains, and what it says of it.
#include "api/streams/window.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace parley::api {
namespace {

using Coverage = Window::Coverage;
using ::testing::ElementsAre;

constexpr DialogId kDialog{1024 + 5};
constexpr DialogId kOther{2048 + 5};
const DialogFacts kFacts{.owner = AccountId{7}, .assistant = AssistantId{3}};

Frame frame(const std::string& text) { return std::make_shared<const std::string>(text); }
std::vector<std::int64_t> after(const Window& window, DialogId dialog, std::int64_t sequence) {
  std::vector<std::int64_t> found;
  window.visit_after(dialog, sequence, [&](std::int64_t s, const Frame&) {
    found.push_back(s);
    return true;
  });
  return found;
}
Window::Limits events_max(std::size_t max) { return {.events_max = max}; }
Window::Limits tail_max(std::size_t max) { return {.tail_events_max = max}; }

TEST(StreamWindow, OffersWhatIsRetainedAfterASequence) {
  Window window({});
  window.start_at(10);
  EXPECT_TRUE(window.append(10, kDialog, 1, frame("a"), kFacts));
  EXPECT_TRUE(window.append(11, kOther, 1, frame("x")));
  EXPECT_TRUE(window.append(14, kDialog, 2, frame("b")));
  EXPECT_EQ(window.coverage(kDialog, 0), Coverage::more);
  EXPECT_EQ(window.coverage(kDialog, 1), Coverage::more);
  EXPECT_EQ(window.coverage(kDialog, 2), Coverage::complete);
  EXPECT_EQ(window.coverage(kDialog, 3), Coverage::beyond);
  EXPECT_EQ(window.coverage(DialogId{9}, 0), Coverage::unknown);
  EXPECT_THAT(after(window, kDialog, 0), ElementsAre(1, 2));
  EXPECT_THAT(after(window, kDialog, 1), ElementsAre(2));
  EXPECT_EQ(window.facts(kDialog), kFacts);
  EXPECT_EQ(window.version(kDialog), 2);
  EXPECT_EQ(window.floor(), 10);
}

TEST(StreamWindow, KeepsEverythingFromTheCheckpointOnAndATailBehindIt) {
  Window window(tail_max(2));
  for (int i = 1; i <= 6; ++i) window.append(i * 10, kDialog, i, frame("e"));
  EXPECT_EQ(window.events(), 6U);
  window.move_checkpoint(30);
  EXPECT_EQ(window.events(), 4U) << "what lies below the checkpoint goes while there is more than a tail";
  EXPECT_EQ(window.floor(), 21);
  window.move_checkpoint(100);
  EXPECT_EQ(window.events(), 2U);
  EXPECT_THAT(after(window, kDialog, 4), ElementsAre(5, 6));
  EXPECT_EQ(window.coverage(kDialog, 3), Coverage::unknown);
  EXPECT_LE(window.floor(), window.checkpoint());
}

TEST(StreamWindow, RaisesItsFloorAboveTheCheckpointRatherThanGrow) {
  Window window(events_max(3));
  for (int i = 1; i <= 5; ++i) window.append(i, kDialog, i, frame("e"));
  EXPECT_EQ(window.events(), 3U);
  EXPECT_EQ(window.floor(), 3);
  EXPECT_GT(window.floor(), window.checkpoint());
  EXPECT_EQ(window.coverage(kDialog, 1), Coverage::unknown);
  EXPECT_EQ(window.coverage(kDialog, 2), Coverage::more);

  Window small({.bytes_max = 2 * (100 + Window::kEventOverhead)});
  for (int i = 1; i <= 5; ++i) small.append(i, kDialog, i, frame(std::string(100, 'x')));
  EXPECT_EQ(small.events(), 2U);
  EXPECT_EQ(small.bytes(), 2 * (100 + Window::kEventOverhead));
}

TEST(StreamWindow, RemembersWhereADialogEndsAfterItsEventsHaveGone) {
  Window window(tail_max(1));
  window.append(1, kDialog, 1, frame("a"), kFacts);
  window.append(2, kDialog, 2, frame("b"));
  window.move_checkpoint(10);
  window.append(3, kOther, 1, frame("x"));
  EXPECT_EQ(window.coverage(kDialog, 2), Coverage::complete) << "whoever has the last event needs nobody";
  EXPECT_EQ(window.coverage(kDialog, 1), Coverage::unknown);
  EXPECT_EQ(window.facts(kDialog), kFacts);
}

TEST(StreamWindow, ForgetsTheIdleDialogThatWasUsedLongestAgo) {
  Window window({.tail_events_max = 1, .dialogs_max = 2});
  window.learn(DialogId{1}, kFacts, 4);
  window.learn(DialogId{2}, kFacts, 5);
  EXPECT_TRUE(window.facts(DialogId{1}));
  window.learn(DialogId{3}, kFacts, 6);
  EXPECT_FALSE(window.facts(DialogId{2}));
  EXPECT_EQ(window.version(DialogId{1}), 4);
  window.append(1, kDialog, 1, frame("a"), kFacts);
  window.learn(DialogId{4}, kFacts, 1), window.learn(DialogId{5}, kFacts, 1), window.learn(DialogId{6}, kFacts, 1);
  EXPECT_TRUE(window.facts(kDialog)) << "not one that has retained events";
}

TEST(StreamWindow, LearnsAVersionThatIsAheadOfWhatItHasSeen) {
  Window window({});
  window.learn(kDialog, kFacts, 5);
  EXPECT_EQ(window.coverage(kDialog, 4), Coverage::unknown);
  EXPECT_EQ(window.coverage(kDialog, 5), Coverage::complete);
  EXPECT_EQ(window.coverage(kDialog, 6), Coverage::beyond);
  window.append(1, kDialog, 4, frame("d"));
  EXPECT_EQ(window.coverage(kDialog, 3), Coverage::more);
  EXPECT_EQ(window.coverage(kDialog, 4), Coverage::complete);
  EXPECT_EQ(window.coverage(kDialog, 5), Coverage::complete)
      << "5 is still to be appended, and the stream will drop it";
}

TEST(StreamWindow, DropsWhatIsNotNewerAndOffersNothingFromBeforeAGap) {
  Window window(tail_max(1));
  window.append(1, kDialog, 1, frame("a"));
  EXPECT_FALSE(window.append(2, kDialog, 1, frame("a")));
  EXPECT_EQ(window.events(), 1U);
  EXPECT_FALSE(window.append(3, kDialog, 4, frame("d")));
  EXPECT_EQ(window.coverage(kDialog, 1), Coverage::unknown);
  EXPECT_THAT(after(window, kDialog, 3), ElementsAre(4));
  window.move_checkpoint(9);
  EXPECT_EQ(window.events(), 1U);
  EXPECT_THAT(after(window, kDialog, 3), ElementsAre(4));
}

}  // namespace
}  // namespace parley::api
