#include "api/streams/log_token.h"

#include <gtest/gtest.h>

#include <limits>

#include "domain/kernel.h"

namespace parley::api {
namespace {

TEST(LogToken, gives_back_what_was_written) {
  for (const auto& numbers : std::vector<std::vector<std::int64_t>>{
           {}, {0}, {127, 128, 129}, {kIdMax, 0, 1}, std::vector<std::int64_t>(1024, 1'000'000)}) {
    const auto token = read_log_token(write_log_token("a-_9", numbers));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->log, "a-_9");
    EXPECT_EQ(token->numbers, numbers);
  }
}
TEST(LogToken, a_number_beyond_what_positions_and_times_can_be_is_none) {
  for (const auto number : {kIdMax + 1, std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_FALSE(read_log_token(write_log_token("a", std::vector{std::int64_t{7}, number})));
  }
}
TEST(LogToken, is_short) {
  EXPECT_LE(write_log_token("abcdefgh", std::vector<std::int64_t>(16, 2'000'000)).size(), 9U + 16 * 4);
}
TEST(LogToken, any_other_text_is_none) {
  const auto numbers = [](const std::string& bytes) { return bytes; };
  for (const std::string& text :
       {numbers(""), numbers("abc"), numbers(".AA"), numbers("log.*"), numbers("log.gA"), numbers("log.gAA"),
        numbers("log.A"), numbers("log.____________fw"), numbers("log.AA AA")}) {
    EXPECT_FALSE(read_log_token(text)) << text;
  }
}

}  // namespace
}  // namespace parley::api
