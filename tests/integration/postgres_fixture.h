#pragma once
// What tests on a real PostgreSQL share: where it is, a schema of their own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>

#include "platform/postgres/pool.h"

namespace parley::postgres::testing {

/// Short: PostgreSQL's names have 63 bytes, and others are made of it.
inline std::string unique_schema() {
  static std::atomic<int> number{0};
  return "test_" + std::to_string(getpid()) + "_" +
         std::to_string(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::milliseconds(1)) + "_" +
         std::to_string(number++);
}

/// Needs the database that PARLEY_TEST_POSTGRES names. `schema_` is dropped at the end.
class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* connection = std::getenv("PARLEY_TEST_POSTGRES");
    if (connection == nullptr) GTEST_SKIP() << "PARLEY_TEST_POSTGRES is not set";
    connection_ = connection;
  }
  void TearDown() override {
    if (connection_.empty()) return;
    drop(schema_);
  }

  SessionOptions session() const {
    return {.connection = connection_, .application_name = "parley test", .schema = schema_};
  }
  void drop(const std::string& schema) {
    Pool pool({.session = session(), .connections_max = 1});
    auto lease = pool.lease(std::chrono::seconds(5));
    ASSERT_TRUE(lease) << lease.error().detail;
    const auto dropped = lease->query("DROP SCHEMA IF EXISTS \"" + schema + "\" CASCADE");
    EXPECT_TRUE(dropped) << dropped.error().detail;
  }

  std::string connection_;
  std::string schema_ = unique_schema();
};

}  // namespace parley::postgres::testing
