#pragma once
// A file of records: everything that Kafka keeps of each, byte for byte. README.md has its form.
#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/crypto/crypto.h"
#include "platform/kafka/message.h"
#include "platform/kafka/record.h"

namespace parley::backup {

/// A file's first bytes.
inline constexpr std::string_view kRecordsMagic = "parley.records.v1\n";
/// Longer than any record that a broker takes; a length above it is damage, and is not allocated.
inline constexpr std::uint32_t kRecordBytesMax = 64 << 20;

struct StoredRecord {
  std::int64_t offset = 0;
  kafka::RecordTime time;
  std::string key;
  std::optional<std::string> value;  ///< Nothing in a tombstone.
  std::vector<std::pair<std::string, std::string>> headers;

  /// The last header of that name, as Kafka's clients find it.
  std::optional<std::string_view> header(std::string_view name) const;
  void set_header(std::string_view name, std::string value);
  friend bool operator==(const StoredRecord&, const StoredRecord&) = default;
};
StoredRecord stored(const kafka::Message& message);

/// Writes a new file, for its owner alone. Errors are texts with the file's name. Not thread-safe.
class RecordWriter {
 public:
  static std::expected<RecordWriter, std::string> create(const std::string& path);
  std::expected<void, std::string> write(const StoredRecord& record);
  /// To the disk. Once, last.
  std::expected<void, std::string> close();

 private:
  RecordWriter(std::string path, std::FILE* file);
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

/// Reads a file from its beginning. What is cut off or malformed is an error that names the file. Not thread-safe.
class RecordReader {
 public:
  static std::expected<RecordReader, std::string> open(const std::string& path);
  /// The next one; nothing at the end of the file.
  std::expected<std::optional<StoredRecord>, std::string> next();
  /// Bytes read so far: where the next record begins.
  std::int64_t bytes() const { return bytes_; }
  std::int64_t records() const { return records_; }
  /// SHA-256 of the bytes read so far, hexadecimal. Once.
  std::string finish_digest() { return crypto::hex(digest_.finish()); }

 private:
  RecordReader(std::string path, std::FILE* file);
  std::expected<bool, std::string> read(std::string& out, std::size_t size);
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  crypto::Sha256 digest_;
  std::string buffer_;
  std::int64_t bytes_ = 0;
  std::int64_t records_ = 0;
};

/// Cuts a file off behind so many bytes, on the disk too.
std::expected<void, std::string> truncate_file(const std::string& path, std::int64_t bytes);

}  // namespace parley::backup
