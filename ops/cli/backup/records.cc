#include "ops/cli/backup/records.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace parley::backup {
namespace {

constexpr std::size_t kFileBufferBytes = 64 << 10;  // a log of a thousand partitions has as many files open
constexpr std::uint32_t kNoValue = 0xFFFF'FFFF;
constexpr std::size_t kLengthBytes = 4;

std::unexpected<std::string> failed(const std::string& path) {
  return std::unexpected(path + ": " + std::strerror(errno));
}

void put(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>((number >> shift) & 0xFF);
}
void put_text(std::string& out, std::string_view text) {
  put(out, text.size(), 4);
  out += text;
}

/// Takes a record's parts one after the other; once something is missing, everything is.
class Parts {
 public:
  explicit Parts(std::string_view in) : in_(in) {}
  std::uint64_t number(int bytes) {
    const auto raw = take(static_cast<std::size_t>(bytes));
    std::uint64_t out = 0;
    for (const char c : raw) out = out << 8 | static_cast<unsigned char>(c);
    return out;
  }
  std::string text() { return std::string(take(number(4))); }
  std::string_view take(std::size_t size) {
    broken_ = broken_ || size > in_.size();
    if (broken_) return {};
    const auto out = in_.substr(0, size);
    in_.remove_prefix(size);
    return out;
  }
  bool whole() const { return !broken_ && in_.empty(); }
  bool broken() const { return broken_; }

 private:
  std::string_view in_;
  bool broken_ = false;
};

std::optional<StoredRecord> decode(std::string_view bytes) {
  Parts in(bytes);
  StoredRecord out;
  out.offset = static_cast<std::int64_t>(in.number(8));
  out.time = kafka::RecordTime(std::chrono::milliseconds(static_cast<std::int64_t>(in.number(8))));
  out.key = in.text();
  if (const auto size = in.number(4); size != kNoValue) out.value = std::string(in.take(size));
  for (auto left = in.number(4); left > 0 && !in.broken(); --left) {
    auto name = in.text();
    out.headers.emplace_back(std::move(name), in.text());
  }
  if (!in.whole()) return std::nullopt;
  return out;
}

}  // namespace

std::optional<std::string_view> StoredRecord::header(std::string_view name) const {
  for (auto it = headers.rbegin(); it != headers.rend(); ++it) {
    if (it->first == name) return it->second;
  }
  return std::nullopt;
}
void StoredRecord::set_header(std::string_view name, std::string value) {
  const auto found =
      std::ranges::find(headers, name, [](const auto& header) -> std::string_view { return header.first; });
  if (found != headers.end()) found->second = std::move(value);
}

StoredRecord stored(const kafka::Message& message) {
  StoredRecord out{message.offset(), message.time(), std::string(message.key()), std::nullopt, {}};
  if (!message.is_tombstone()) out.value = std::string(message.value());
  for (const auto& header : message.headers()) out.headers.emplace_back(header.name, header.value);
  return out;
}

RecordWriter::RecordWriter(std::string path, std::FILE* file) : path_(std::move(path)), file_(file, std::fclose) {
  std::setvbuf(file, nullptr, _IOFBF, kFileBufferBytes);
}

std::expected<RecordWriter, std::string> RecordWriter::create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed(path);
  RecordWriter out(path, ::fdopen(fd, "wb"));
  if (std::fwrite(kRecordsMagic.data(), 1, kRecordsMagic.size(), out.file_.get()) != kRecordsMagic.size())
    return failed(path);
  return out;
}

std::expected<void, std::string> RecordWriter::write(const StoredRecord& record) {
  std::string out(kLengthBytes, '\0');
  put(out, static_cast<std::uint64_t>(record.offset), 8);
  put(out, static_cast<std::uint64_t>(record.time.time_since_epoch().count()), 8);
  put_text(out, record.key);
  if (record.value) {
    put_text(out, *record.value);
  } else {
    put(out, kNoValue, 4);
  }
  put(out, record.headers.size(), 4);
  for (const auto& [name, value] : record.headers) {
    put_text(out, name);
    put_text(out, value);
  }
  std::string length;
  put(length, out.size() - kLengthBytes, 4);
  out.replace(0, kLengthBytes, length);
  if (std::fwrite(out.data(), 1, out.size(), file_.get()) != out.size()) return failed(path_);
  return {};
}

std::expected<void, std::string> RecordWriter::close() {
  if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0) return failed(path_);
  if (std::fclose(file_.release()) != 0) return failed(path_);
  return {};
}

RecordReader::RecordReader(std::string path, std::FILE* file) : path_(std::move(path)), file_(file, std::fclose) {
  std::setvbuf(file, nullptr, _IOFBF, kFileBufferBytes);
}

std::expected<RecordReader, std::string> RecordReader::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return failed(path);
  RecordReader out(path, file);
  const auto begun = out.read(out.buffer_, kRecordsMagic.size());
  if (!begun) return std::unexpected(begun.error());
  if (!*begun || out.buffer_ != kRecordsMagic) return std::unexpected(path + ": is no file of records");
  return out;
}

/// False at the end of the file.
std::expected<bool, std::string> RecordReader::read(std::string& out, std::size_t size) {
  out.resize(size);
  const auto got = std::fread(out.data(), 1, size, file_.get());
  if (std::ferror(file_.get()) != 0) return failed(path_);
  if (got == 0 && size > 0) return false;
  if (got < size) return std::unexpected(fmt::format("{}: is cut off in its record {}", path_, records_ + 1));
  digest_.update(out);
  bytes_ += static_cast<std::int64_t>(size);
  return true;
}

std::expected<std::optional<StoredRecord>, std::string> RecordReader::next() {
  const auto more = read(buffer_, kLengthBytes);
  if (!more) return std::unexpected(more.error());
  if (!*more) return std::optional<StoredRecord>{};
  const auto size = Parts(buffer_).number(static_cast<int>(kLengthBytes));
  const auto malformed = [&] {
    return std::unexpected(fmt::format("{}: its record {} is malformed", path_, records_ + 1));
  };
  if (size == 0 || size > kRecordBytesMax) return malformed();
  const auto whole = read(buffer_, size);
  if (!whole) return std::unexpected(whole.error());
  if (!*whole) return std::unexpected(fmt::format("{}: is cut off in its record {}", path_, records_ + 1));
  auto record = decode(buffer_);
  if (!record) return malformed();
  ++records_;
  return record;
}

std::expected<void, std::string> truncate_file(const std::string& path, std::int64_t bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return failed(path);
  const bool done = ::ftruncate(fd, bytes) == 0 && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!done) return failed(path);
  return {};
}

}  // namespace parley::backup
