// The bytes of a stream.
#include "api/streams/frames.h"

#include <gtest/gtest.h>

#include <chrono>

namespace parley::api {
namespace {

constexpr Timestamp kNow{std::chrono::milliseconds{1'763'720'220'123}};

TEST(StreamFrames, AreWhatTheContractSays) {
  EXPECT_EQ(
      frames::established("c-1", kNow),
      "data: "
      "{\"type\":\"connection.established\",\"client_id\":\"c-1\",\"timestamp\":\"2025-11-21T10:17:00.123Z\"}\n\n");
  EXPECT_EQ(frames::event(7, "{\"type\":\"dialog.message.created\"}"),
            "id: 7\ndata: {\"type\":\"dialog.message.created\"}\n\n");
  EXPECT_EQ(frames::hidden(8), "id: 8\n\n");
  EXPECT_EQ(*frames::ping(), "data: __ping__\n\n");
  EXPECT_EQ(frames::delayed({Kind::dialog, 5}, kNow),
            "data: {\"type\":\"stream.delayed\",\"dialog_id\":5,\"timestamp\":\"2025-11-21T10:17:00.123Z\"}\n\n");
  EXPECT_EQ(
      frames::reset({Kind::dialog, 5}, 3, kNow),
      "id: 3\ndata: "
      "{\"type\":\"stream.reset\",\"dialog_id\":5,\"last_event_id\":3,\"timestamp\":\"2025-11-21T10:17:00.123Z\"}\n\n");
  EXPECT_EQ(frames::error("{\"error\":{\"code\":\"DIALOG_NOT_FOUND\"}}"),
            "data: {\"type\":\"error\",\"error\":{\"code\":\"DIALOG_NOT_FOUND\"}}\n\n");
}

TEST(StreamFrames, ADataLineCannotBeBroken) {
  EXPECT_EQ(frames::event(1, "{\"a\":\r\n1,\n\"b\":\r2}"), "id: 1\ndata: {\"a\":  1, \"b\": 2}\n\n");
  EXPECT_EQ(frames::error("oops\n"), "data: {\"type\":\"error\"}\n\n");
}

}  // namespace
}  // namespace parley::api
