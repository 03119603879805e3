// What a window retains, and what it says of it.
#include "api/streams/window.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "domain/dialogs/dialogs.h"
#include "schemas/contexts/dialogs.h"

namespace parley::api {
namespace {

using Coverage = Window::Coverage;
using ::testing::ElementsAre;

constexpr Stream dialog(std::int64_t id) { return {Kind::dialog, id}; }
constexpr Stream kDialog = dialog(1024 + 5);
constexpr Stream kOther = dialog(2048 + 5);
const StreamFacts kFacts{.owner = AccountId{7}, .assistant = AssistantId{3}};
const Event kOpening =
    dialogs::Event(dialogs::Opened{.assistant = *kFacts.assistant, .owner = *kFacts.owner, .first_name = {}});

bool append(Window& window, std::int64_t offset, const Stream& stream, std::int64_t sequence, const Event& event = {},
            std::size_t log_bytes = 1) {
  return window.append(offset, {.stream = stream, .sequence = sequence, .at = {}, .event = event}, log_bytes);
}
std::vector<std::int64_t> after(Window& window, const Stream& stream, std::int64_t sequence) {
  std::vector<std::int64_t> found;
  window.visit_after(stream, sequence, [&](const Window::Held& event) {
    found.push_back(event.record.sequence);
    return true;
  });
  return found;
}
Window::Limits events_max(std::size_t max) { return {.events_max = max}; }
Window::Limits tail_max(std::size_t max) { return {.tail_events_max = max}; }

TEST(StreamWindow, OffersWhatIsRetainedAfterASequence) {
  Window window({});
  window.start_at(10);
  EXPECT_TRUE(append(window, 10, kDialog, 1, kOpening));
  EXPECT_TRUE(append(window, 11, kOther, 1));
  EXPECT_TRUE(append(window, 14, kDialog, 2));
  EXPECT_EQ(window.coverage(kDialog, 0), Coverage::more);
  EXPECT_EQ(window.coverage(kDialog, 1), Coverage::more);
  EXPECT_EQ(window.coverage(kDialog, 2), Coverage::complete);
  EXPECT_EQ(window.coverage(kDialog, 3), Coverage::beyond);
  EXPECT_EQ(window.coverage(dialog(9), 0), Coverage::unknown);
  EXPECT_THAT(after(window, kDialog, 0), ElementsAre(1, 2));
  EXPECT_THAT(after(window, kDialog, 1), ElementsAre(2));
  EXPECT_EQ(window.facts(kDialog), kFacts);
  EXPECT_EQ(window.version(kDialog), 2);
  EXPECT_EQ(window.floor(), 10);
}

TEST(StreamWindow, KeepsEverythingFromTheCheckpointOnAndATailBehindIt) {
  Window window(tail_max(2));
  for (int i = 1; i <= 6; ++i) append(window, i * 10, kDialog, i);
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
  for (int i = 1; i <= 5; ++i) append(window, i, kDialog, i);
  EXPECT_EQ(window.events(), 3U);
  EXPECT_EQ(window.floor(), 3);
  EXPECT_GT(window.floor(), window.checkpoint());
  EXPECT_EQ(window.coverage(kDialog, 1), Coverage::unknown);
  EXPECT_EQ(window.coverage(kDialog, 2), Coverage::more);

  Window small({.bytes_max = 2 * (100 + Window::kEventOverhead)});
  for (int i = 1; i <= 5; ++i) append(small, i, kDialog, i, {}, 100);
  EXPECT_EQ(small.events(), 2U);
  EXPECT_EQ(small.bytes(), 2 * (100 + Window::kEventOverhead));
}

TEST(StreamWindow, RemembersWhereADialogEndsAfterItsEventsHaveGone) {
  Window window(tail_max(1));
  append(window, 1, kDialog, 1, kOpening);
  append(window, 2, kDialog, 2);
  window.move_checkpoint(10);
  append(window, 3, kOther, 1);
  EXPECT_EQ(window.coverage(kDialog, 2), Coverage::complete) << "whoever has the last event needs nobody";
  EXPECT_EQ(window.coverage(kDialog, 1), Coverage::unknown);
  EXPECT_EQ(window.facts(kDialog), kFacts);
}

TEST(StreamWindow, ForgetsTheIdleDialogThatWasUsedLongestAgo) {
  Window window({.tail_events_max = 1, .streams_max = 2});
  window.learn(dialog(1), kFacts, 4);
  window.learn(dialog(2), kFacts, 5);
  EXPECT_TRUE(window.facts(dialog(1)));
  window.learn(dialog(3), kFacts, 6);
  EXPECT_FALSE(window.facts(dialog(2)));
  EXPECT_EQ(window.version(dialog(1)), 4);
  append(window, 1, kDialog, 1, kOpening);
  window.learn(dialog(4), kFacts, 1);
  window.learn(dialog(5), kFacts, 1);
  window.learn(dialog(6), kFacts, 1);
  EXPECT_TRUE(window.facts(kDialog)) << "not one that has retained events";
}

TEST(StreamWindow, LearnsAVersionThatIsAheadOfWhatItHasSeen) {
  Window window({});
  window.learn(kDialog, kFacts, 5);
  EXPECT_EQ(window.coverage(kDialog, 4), Coverage::unknown);
  EXPECT_EQ(window.coverage(kDialog, 5), Coverage::complete);
  EXPECT_EQ(window.coverage(kDialog, 6), Coverage::beyond);
  append(window, 1, kDialog, 4);
  EXPECT_EQ(window.coverage(kDialog, 3), Coverage::more);
  EXPECT_EQ(window.coverage(kDialog, 4), Coverage::complete);
  EXPECT_EQ(window.coverage(kDialog, 5), Coverage::complete)
      << "5 is still to be appended, and the stream will drop it";
}

TEST(StreamWindow, DropsWhatIsNotNewerAndOffersNothingFromBeforeAGap) {
  Window window(tail_max(1));
  append(window, 1, kDialog, 1);
  EXPECT_FALSE(append(window, 2, kDialog, 1));
  EXPECT_EQ(window.events(), 1U);
  EXPECT_FALSE(append(window, 3, kDialog, 4));
  EXPECT_EQ(window.coverage(kDialog, 1), Coverage::unknown);
  EXPECT_THAT(after(window, kDialog, 3), ElementsAre(4));
  window.move_checkpoint(9);
  EXPECT_EQ(window.events(), 1U);
  EXPECT_THAT(after(window, kDialog, 3), ElementsAre(4));
}

TEST(StreamWindow, KeepsWhatSurfacesShowOfTheNewestEventsAndCountsIt) {
  int rendered = 0;
  EventViews views, others;
  const auto show = [&rendered](const dialogs::Archived&, const EventRecord&, Viewer viewer) -> EventViews::Shown {
    ++rendered;
    return viewer == Viewer::feed ? std::nullopt : std::optional(std::string(1'000, 'x'));
  };
  views.view<dialogs::Archived>(show);
  others.view<dialogs::Archived>(show);
  Window window({.bytes_max = 200'000});
  const auto look = [&](std::int64_t sequence, const EventViews& of, Viewer viewer) {
    Frame frame;
    window.visit_after(kDialog, sequence - 1, [&](Window::Held& event) {
      frame = window.frame(event, of, viewer);
      return false;
    });
    return frame;
  };
  const Event archived = dialogs::Event(dialogs::Archived{});
  append(window, 1, kDialog, 1, archived);
  EXPECT_EQ(window.bytes(), 1 + Window::kEventOverhead);
  const auto shown = look(1, views, Viewer::owner);
  EXPECT_THAT(*shown, ::testing::StartsWith("id: 1\ndata: xxx"));
  EXPECT_EQ(look(1, views, Viewer::owner), shown);
  EXPECT_EQ(rendered, 1) << "once for a surface and viewer";
  EXPECT_EQ(window.bytes(), 1 + Window::kEventOverhead + shown->size() + Window::kFrameOverhead);
  EXPECT_NE(look(1, views, Viewer::visitor), shown);
  EXPECT_NE(look(1, others, Viewer::owner), shown);
  EXPECT_EQ(look(1, views, Viewer::feed), nullptr) << "a feed gets nothing of what is not shown";
  EXPECT_EQ(look(1, views, Viewer::feed), nullptr);
  EXPECT_EQ(rendered, 4);

  const auto newest = static_cast<std::int64_t>(Window::kEventsWithFrames);
  for (std::int64_t i = 2; i <= newest + 1; ++i) append(window, i, kDialog, i, archived);
  EXPECT_EQ(window.bytes(), window.events() * (1 + Window::kEventOverhead)) << "an event that is old has none";
  EXPECT_EQ(*look(1, views, Viewer::owner), *shown);
  EXPECT_EQ(*look(1, views, Viewer::owner), *shown);
  EXPECT_EQ(rendered, 6) << "and is rendered for each that asks";
  EXPECT_EQ(window.bytes(), window.events() * (1 + Window::kEventOverhead));

  for (std::int64_t i = newest + 2; i <= 1'000; ++i) {
    append(window, i, kDialog, i, archived);
    EXPECT_LE(window.bytes(), 200'000U);
    for (const auto viewer : {Viewer::owner, Viewer::visitor, Viewer::feed}) look(i, views, viewer);
  }
  append(window, 1'001, kOther, 1, archived);
  EXPECT_LE(window.bytes(), 200'000U);
  EXPECT_GT(window.events(), Window::kEventsWithFrames);
}

TEST(StreamWindow, HidesWhatHasNoViewAndWhatCannotBeShown) {
  EventViews throwing;
  throwing.view<dialogs::Archived>(
      [](const auto&, const auto&, Viewer) -> EventViews::Shown { throw std::runtime_error("x"); });
  EXPECT_THROW(throwing.view<dialogs::Archived>([](const auto&, const auto&, Viewer) { return std::nullopt; }),
               std::logic_error)
      << "a second view of one type";
  Window window({});
  append(window, 1, kDialog, 1, kOpening);
  append(window, 2, kDialog, 2, dialogs::Event(dialogs::Archived{}));
  window.visit_after(kDialog, 0, [&](Window::Held& event) {
    EXPECT_EQ(*window.frame(event, throwing, Viewer::owner), "id: " + std::to_string(event.record.sequence) + "\n\n");
    EXPECT_EQ(window.frame(event, throwing, Viewer::feed), nullptr);
    return true;
  });
}

}  // namespace
}  // namespace parley::api
