#include "api/streams/log_token.h"

#include <gtest/gtest.h>

#include "domain/kernel.h"

namespace parley::api {
namespace {

TEST(LogToken, gives_back_what_was_written) {
  for (const auto& numbers :
       std::vector<std::vector<std::int64_t>>{{}, {0}, {127, 128, 129}, {kIdMax, 0, 1, INT64_MAX}, std::vector<std::int64_t>(1024, 1'000'000)}) {
    const auto token = read_log_token(write_log_token("a-_9", numbers));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->log, "a-_9");
    EXPECT_EQ(token->numbers, numbers);
  }
}
TEST(LogToken, is_short) { EXPECT_LE(write_log_token("abcdefgh", std::vector<std::int64_t>(16, 2'000'000)).size(), 9U + 16 * 4); }
TEST(LogToken, any_other_text_is_none) {
  const auto numbers = [](const std::string& bytes) { return bytes; };
  for (const std::string& text : {numbers(""), numbers("abc"), numbers(".AA"), numbers("log.*"), numbers("log.gA"), numbers("log.gAA"),
                                  numbers("log.A"), numbers("log.____________fw"), numbers("log.AA AA")}) {
    EXPECT_FALSE(read_log_token(text)) << text;
  }
}

}  // namespace
}  // namespace parley::api
