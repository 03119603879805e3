// A copy's files: every byte of a record comes back, and whatever was changed, cut off or taken away is refused by
// name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "ops/cli/backup/manifest.h"
#include "ops/cli/backup/records.h"
#include "platform/crypto/crypto.h"
#include "platform/crypto/passphrase.h"

namespace parley::backup {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

kafka::RecordTime at(std::int64_t ms) { return kafka::RecordTime(std::chrono::milliseconds(ms)); }

const std::vector<StoredRecord> kSample{
    {0, at(1'700'000'000'000), "dialog/1387", R"({"text":"hi"})", {{"ce_id", "1"}, {"b", ""}, {"ce_id", "2"}}},
    {7, at(0), std::string("\0\n\xFF", 3), std::string("\0\0", 2), {{"a", std::string("\r\n\0", 3)}}},
    {9, at(-1), "", std::nullopt, {}},
    {1LL << 40, at(1), "k", "", {}},
};

class Copy : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("parley-backup-" + crypto::hex(crypto::random_bytes(8)));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write_records(const std::string& name, const std::vector<StoredRecord>& records) const {
    auto writer = RecordWriter::create(path(name));
    ASSERT_TRUE(writer) << writer.error();
    for (const auto& record : records) ASSERT_TRUE(writer->write(record));
    ASSERT_TRUE(writer->close());
  }
  /// All of it, or the error.
  std::expected<std::vector<StoredRecord>, std::string> read_records(const std::string& name) const {
    auto reader = RecordReader::open(path(name));
    if (!reader) return std::unexpected(reader.error());
    std::vector<StoredRecord> out;
    while (true) {
      auto record = reader->next();
      if (!record) return std::unexpected(record.error());
      if (!*record) return out;
      out.push_back(std::move(**record));
    }
  }
  /// A copy of a log with two partitions.
  Manifest write_copy() const {
    Manifest manifest;
    manifest.product = "parley";
    manifest.partitions = 2;
    manifest.cut = {8, 1};
    for (const auto topic : {kEvents, kReplies, kDeadLetters, kDirectory}) {
      for (int partition = 0; partition < 2; ++partition) {
        const auto name = file_name(topic, partition);
        write_records(name, partition == 0 ? kSample : std::vector<StoredRecord>{});
        auto reader = RecordReader::open(path(name));
        while (*reader->next()) {
        }
        const auto records = reader->records(), bytes = reader->bytes();
        manifest.files.push_back({name, std::string(topic), partition, records, bytes, reader->finish_digest()});
      }
    }
    EXPECT_TRUE(write_manifest(folder_, manifest));
    return manifest;
  }
  std::expected<void, std::string> checked() const {
    const auto manifest = read_manifest(folder_);
    if (!manifest) return std::unexpected(manifest.error());
    return check_files(folder_, *manifest, [](std::int64_t) { return true; });
  }
  void change(const std::string& name, std::streamoff at, char to) const {
    std::fstream file(path(name), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.put(to);
  }

  std::string folder_;
};

TEST_F(Copy, every_byte_of_a_record_comes_back) {
  write_records("one", kSample);
  const auto read = read_records("one");
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(*read, kSample);
  EXPECT_EQ(fs::status(path("one")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}
TEST_F(Copy, a_file_that_is_cut_off_anywhere_is_refused_or_ends_between_two_records) {
  write_records("one", kSample);
  const auto whole = read_file(path("one"));
  std::size_t between = 0;
  for (std::size_t size = 0; size < whole->size(); ++size) {
    fs::resize_file(path("one"), size);
    const auto read = read_records("one");
    if (read) {
      ++between;
      EXPECT_LT(read->size(), kSample.size());
    } else {
      EXPECT_THAT(read.error(), HasSubstr(path("one")));
    }
    std::ofstream(path("one"), std::ios::binary) << *whole;
  }
  EXPECT_EQ(between, kSample.size()) << "before each record; what was cut off there, the manifest knows";
}
TEST_F(Copy, a_length_that_cannot_be_is_refused_before_it_is_allocated) {
  write_records("one", kSample);
  change("one", static_cast<std::streamoff>(kRecordsMagic.size()), '\x7F');
  EXPECT_THAT(read_records("one").error(), HasSubstr("its record 1 is malformed"));
}
TEST_F(Copy, a_file_that_is_there_is_never_written_over) {
  write_records("one", kSample);
  EXPECT_THAT(RecordWriter::create(path("one")).error(), HasSubstr("File exists"));
}

TEST_F(Copy, a_whole_one_is_whole) {
  write_copy();
  EXPECT_TRUE(checked()) << checked().error();
}
TEST_F(Copy, a_byte_that_was_changed_is_found_wherever_it_is) {
  const auto manifest = write_copy();
  const auto name = file_name(kEvents, 0);
  const auto whole = *read_file(path(name));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    change(name, static_cast<std::streamoff>(i), static_cast<char>(whole[i] ^ 0x01));
    const auto found = checked();
    ASSERT_FALSE(found) << "byte " << i;
    EXPECT_THAT(found.error(), HasSubstr(path(name)));
    change(name, static_cast<std::streamoff>(i), whole[i]);
  }
  EXPECT_TRUE(checked());
}
TEST_F(Copy, a_missing_file_is_named) {
  write_copy();
  fs::remove(path(file_name(kReplies, 1)));
  EXPECT_THAT(checked().error(), HasSubstr("replies-1.records: is missing"));
}
TEST_F(Copy, records_that_the_manifest_does_not_count_are_refused) {
  write_copy();
  fs::remove(path(file_name(kEvents, 0)));
  write_records(file_name(kEvents, 0), {kSample.begin(), kSample.end() - 1});
  EXPECT_THAT(checked().error(), HasSubstr("events-0.records: has another size"));
}
TEST_F(Copy, without_its_manifest_is_no_copy) {
  write_copy();
  fs::remove(path(std::string(kManifest)));
  EXPECT_THAT(checked().error(), HasSubstr("no copy, or one that was not finished"));
}
TEST_F(Copy, a_manifest_that_was_cut_off_or_changed_is_refused) {
  write_copy();
  const auto name = std::string(kManifest);
  const auto whole = *read_file(path(name));
  fs::resize_file(path(name), whole.size() / 2);
  EXPECT_THAT(checked().error(), HasSubstr("manifest.json: was changed"));
  std::ofstream(path(name), std::ios::binary) << whole;
  change(name, static_cast<std::streamoff>(whole.find("\"cut\"") + 12), '9');
  EXPECT_THAT(checked().error(), HasSubstr("manifest.json: was changed"));
}
TEST_F(Copy, a_manifest_that_leaves_a_file_out_or_names_another_is_refused) {
  auto manifest = write_copy();
  const auto last = manifest.files.back();
  manifest.files.pop_back();
  ASSERT_TRUE(write_manifest(folder_, manifest));
  EXPECT_THAT(checked().error(), HasSubstr("the copy is not whole"));
  manifest.files.push_back(last);
  manifest.files.back().name = "../" + last.name;
  ASSERT_TRUE(write_manifest(folder_, manifest));
  EXPECT_THAT(checked().error(), HasSubstr("does not belong to a copy"));
}
TEST_F(Copy, of_another_format_is_refused) {
  auto manifest = write_copy();
  manifest.format = kFormat + 1;
  ASSERT_TRUE(write_manifest(folder_, manifest));
  EXPECT_THAT(checked().error(), HasSubstr("is of format 2"));
}

TEST(Secrets, come_back_under_their_passphrase_alone) {
  const auto sealed =
      crypto::seal_with_passphrase(write_secrets({{"keys", "azE"}, {"seal_key", ""}}), "correct horse battery");
  const auto opened = crypto::open_with_passphrase(sealed, "correct horse battery");
  ASSERT_TRUE(opened) << opened.error();
  const auto secrets = read_secrets(*opened);
  ASSERT_TRUE(secrets) << secrets.error();
  ASSERT_EQ(secrets->size(), 2U);
  EXPECT_EQ(secrets->front().name, "keys");
  EXPECT_EQ(secrets->front().value, "azE");
  EXPECT_THAT(crypto::open_with_passphrase(sealed, "correct horse batter").error(), HasSubstr("another passphrase"));
  EXPECT_THAT(crypto::open_with_passphrase(sealed.substr(0, sealed.size() - 1), "correct horse battery").error(),
              HasSubstr("passphrase"));
  EXPECT_THAT(crypto::open_with_passphrase("argon2id13 3 99999999999 AAAA AAAA", "correct horse battery").error(),
              HasSubstr("is not what is sealed"));
}

}  // namespace
}  // namespace parley::backup
