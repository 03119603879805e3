// Which command a process was deciding when it died, known to the next one.
#include "workers/decider/crash_marker.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace parley::decider {
namespace {

class DeciderCrashMarker : public ::testing::Test {
 protected:
  DeciderCrashMarker() {
    std::string name = (std::filesystem::temp_directory_path() / "parley-decider-marker-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~DeciderCrashMarker() override { std::filesystem::remove_all(folder_); }
  CrashMarker open() {
    auto opened = CrashMarker::open(folder_ + "/deciding");
    if (!opened) throw std::runtime_error(opened.error());
    return std::move(*opened);
  }
  /// A process that is killed while it decides, or after.
  void die(int partition, std::int64_t offset, bool while_deciding = true) {
    const auto child = fork();
    if (child == 0) {
      auto marker = open();
      {
        const auto deciding = marker.deciding(partition, offset);
        if (while_deciding) kill(getpid(), SIGKILL);
      }
      kill(getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  std::string folder_;
};

TEST_F(DeciderCrashMarker, a_death_while_deciding_is_counted_and_names_the_command) {
  EXPECT_FALSE(open().suspect());
  die(3, 77);
  die(3, 77);
  EXPECT_EQ(open().suspect(), (CrashMarker::Suspect{3, 77, 2}));
  EXPECT_EQ(open().suspect(), (CrashMarker::Suspect{3, 77, 2})) << "opening it is no death";
}
TEST_F(DeciderCrashMarker, a_death_anywhere_else_is_not_counted) {
  die(3, 77, false);
  EXPECT_FALSE(open().suspect());
}
TEST_F(DeciderCrashMarker, an_exception_is_no_death) {
  auto marker = open();
  try {
    const auto deciding = marker.deciding(3, 77);
    throw std::runtime_error("no memory");
  } catch (const std::runtime_error&) {
  }
  EXPECT_FALSE(open().suspect());
}
TEST_F(DeciderCrashMarker, getting_past_the_command_forgets_it) {
  die(3, 77);
  {
    auto marker = open();
    marker.passed(3, 77);
    marker.passed(4, 99);
    EXPECT_TRUE(marker.suspect());
    marker.passed(3, 78);
    EXPECT_FALSE(marker.suspect());
  }
  EXPECT_FALSE(open().suspect());
  die(3, 90);
  EXPECT_EQ(open().suspect(), (CrashMarker::Suspect{3, 90, 1}));
}
TEST_F(DeciderCrashMarker, a_place_that_cannot_be_written_is_an_error_that_names_it) {
  const auto opened = CrashMarker::open(folder_ + "/missing/deciding");
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().find("missing/deciding"), std::string::npos);
}

}  // namespace
}  // namespace parley::decider
