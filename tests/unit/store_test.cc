// platform/store: what survives, and what is read in which order.
#include "platform/store/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace parley::store {
namespace {

constexpr const char* kWriterPath = "PARLEY_STORE_TEST_WRITER_PATH";

/// A folder of its own, removed at the end.
class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string name = (std::filesystem::temp_directory_path() / "parley-store-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~StoreTest() override { std::filesystem::remove_all(path_); }

  Store open() {
    auto opened = Store::open(path_, memory_);
    if (!opened) throw std::runtime_error(opened.error());
    return std::move(*opened);
  }
  static void put(Store& store, std::string_view key, std::string_view value) {
    Batch batch;
    batch.put(key, value);
    store.write(std::move(batch));
  }

  std::string path_;
  Memory memory_{Memory::Budget{}};
};

TEST_F(StoreTest, a_clean_close_keeps_everything) {
  {
    Store store = open();
    put(store, "a", "1");
    Batch batch;
    batch.put("b", std::string("\0\xff", 2));
    batch.erase("a");
    store.write(std::move(batch));
  }
  Store store = open();
  EXPECT_EQ(store.get("a"), std::nullopt);
  EXPECT_EQ(store.get("b"), std::string("\0\xff", 2));
}

TEST_F(StoreTest, one_that_has_lost_or_garbled_its_file_current_is_corrupt_and_no_new_one) {
  put(*std::make_unique<Store>(open()), "a", "1");
  ASSERT_EQ(open().get("a"), "1");
  const auto current = path_ + "/CURRENT";
  for (const std::string text : {"", "garbled", "MANIFEST-999999\n"}) {
    std::ofstream(current, std::ios::trunc) << text;
    EXPECT_FALSE(Store::open(path_, memory_)) << text;
    const auto reader = Store::open_read_only(path_);
    ASSERT_FALSE(reader);
    EXPECT_TRUE(reader.error().contains(path_ + " is a broken store: ")) << reader.error();
  }
  std::filesystem::remove(current);
  const auto opened = Store::open(path_, memory_);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().contains("CURRENT is missing")) << opened.error();
  EXPECT_EQ(Store::open_read_only(path_).error(), path_ + " is a broken store: its file CURRENT is missing");
  ASSERT_TRUE(Store::destroy(path_));
  EXPECT_EQ(open().get("a"), std::nullopt);
}

TEST_F(StoreTest, is_read_while_it_is_written_and_is_not_changed_by_that) {
  put(*std::make_unique<Store>(open()), "a", "1");
  Store writer = open();
  put(writer, "b", "in memory alone");
  const auto files = [&] {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(path_)) names.push_back(file.path().filename());
    std::ranges::sort(names);
    return names;
  };
  const auto before = files();
  {
    auto reader = Store::open_read_only(path_);
    ASSERT_TRUE(reader) << reader.error();
    EXPECT_EQ(reader->get("a"), "1");
    EXPECT_EQ(reader->get("b"), std::nullopt);
    EXPECT_THROW(put(*reader, "c", "3"), Failure);
  }
  EXPECT_EQ(files(), before);
  EXPECT_EQ(writer.get("b"), "in memory alone");
}

TEST_F(StoreTest, a_folder_that_holds_no_store_is_not_opened_for_reading) {
  EXPECT_EQ(Store::open_read_only(path_).error(), path_ + " is not a store: it has no file CURRENT");
  EXPECT_EQ(Store::open_read_only(path_ + "/none").error(), path_ + "/none is not a store: No such file or directory");
  std::ofstream(path_ + "/file") << "text";
  EXPECT_EQ(Store::open_read_only(path_ + "/file").error(), path_ + "/file is not a store: a store is a folder");
  EXPECT_FALSE(std::filesystem::exists(path_ + "/LOCK"));
}

TEST_F(StoreTest, a_scan_is_ordered_bounded_and_stops_when_told) {
  Store store = open();
  for (const char* key : {"p/2", "p/1", "q/1", "o/9", "p/3"}) put(store, key, key);
  std::vector<std::string> seen;
  store.scan("p/", "p0", [&](std::string_view key, std::string_view) {
    seen.emplace_back(key);
    return seen.size() < 2;
  });
  EXPECT_EQ(seen, (std::vector<std::string>{"p/1", "p/2"}));
}

TEST_F(StoreTest, its_size_is_what_was_put_written_out_or_not) {
  constexpr std::size_t kBytes = 1 << 20;
  std::string noise(kBytes, '\0');
  std::ifstream("/dev/urandom").read(noise.data(), kBytes);
  {
    Store store = open();
    const auto empty = store.bytes();
    put(store, "a", noise);
    EXPECT_GE(store.bytes(), empty + kBytes);
  }
  EXPECT_GE(open().bytes(), kBytes);
}

TEST_F(StoreTest, what_survives_a_kill_is_a_prefix_of_whole_batches) {
  constexpr int kBatches = 40'000;
  if (const char* path = std::getenv(kWriterPath)) {
    // Batches larger than a write buffer in all, so that some are on disk and some are not; then no destructor runs.
    path_ = path;
    Store store = open();
    for (int i = 1; i <= kBatches; ++i) {
      Batch batch;
      batch.put("position", std::to_string(i));
      batch.put("left/" + std::to_string(i), std::string(150, 'l'));
      batch.put("right/" + std::to_string(i), std::string(150, 'r'));
      store.write(std::move(batch));
    }
    kill(getpid(), SIGKILL);
  }
  const pid_t child = fork();
  if (child == 0) {  // a new program: RocksDB's threads do not survive a fork
    setenv(kWriterPath, path_.c_str(), 1);
    execl("/proc/self/exe", "store_test", "--gtest_filter=StoreTest.what_survives_a_kill_is_a_prefix_of_whole_batches",
          nullptr);
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  Store store = open();
  const int position = std::stoi(store.get("position").value_or("0"));
  EXPECT_GT(position, 0) << "nothing was written out: the test proves nothing";
  EXPECT_LT(position, kBatches) << "everything was written out: the test proves nothing";
  for (int i = 1; i <= kBatches; ++i) {
    ASSERT_EQ(store.get("left/" + std::to_string(i)).has_value(), i <= position) << i;
    ASSERT_EQ(store.get("right/" + std::to_string(i)).has_value(), i <= position) << i;
  }
}

TEST_F(StoreTest, a_corrupt_store_does_not_open_and_can_be_destroyed_and_made_again) {
  {
    Store store = open();
    put(store, "a", "1");
  }
  std::ofstream(path_ + "/CURRENT", std::ios::trunc) << "nonsense";
  EXPECT_FALSE(Store::open(path_, memory_));
  ASSERT_TRUE(Store::destroy(path_));
  Store store = open();
  EXPECT_EQ(store.get("a"), std::nullopt);
}

TEST_F(StoreTest, a_store_has_one_owner) {
  Store store = open();
  EXPECT_FALSE(Store::open(path_, memory_));
}

/// A small disk under the store's folder, which a test fills up. Needs root.
class StoreOnASmallDisk : public StoreTest {
 protected:
  void SetUp() override {
    if (::mount("parley-test", path_.c_str(), "tmpfs", 0, "size=96m") != 0)
      GTEST_SKIP() << "a small disk cannot be mounted here (root can)";
    is_mounted_ = true;
  }
  ~StoreOnASmallDisk() override {
    if (is_mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  void fill() const {
    std::ofstream file(path_ + "/ballast", std::ios::binary);
    const std::string piece(1 << 20, 'x');
    while (file.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
    }
  }
  void free() const { std::filesystem::remove(path_ + "/ballast"); }

  bool is_mounted_ = false;
};

TEST_F(StoreOnASmallDisk, a_full_disk_is_said_before_it_is_met_and_what_was_written_is_there_afterwards) {
  {
    Store store = open();
    put(store, "a", "1");
  }
  {
    Store store = open();
    put(store, "b", "2");
    fill();
    EXPECT_THROW(put(store, "c", "3"), DiskFull);
    EXPECT_EQ(store.get("a"), "1") << "reading needs no room";
    free();
    put(store, "d", "4");
    fill();
  }
  EXPECT_THROW(open(), DiskFull);
  EXPECT_FALSE(check_room(path_ + "/not/yet/there"));
  free();
  ASSERT_TRUE(check_room(path_));
}

}  // namespace
}  // namespace parley::store
