#include "ops/cli/backup/manifest.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "ops/cli/backup/records.h"
#include "ops/cli/backup/task.h"
#include "platform/crypto/crypto.h"
#include "schemas/fields.h"

namespace parley::backup {

/// What every manifest has, whatever else it is.
struct Format {
  std::int64_t format = 0;
};

}  // namespace parley::backup

namespace parley::schema {

template <>
inline constexpr auto fields<backup::Format> = std::tuple{field("format", &backup::Format::format)};
template <>
inline constexpr auto fields<backup::TopicEntry> =
    std::tuple{field("name", &backup::TopicEntry::name), field("id", &backup::TopicEntry::id)};
template <>
inline constexpr auto fields<backup::FileEntry> = std::tuple{
    field("name", &backup::FileEntry::name),           field("topic", &backup::FileEntry::topic),
    field("partition", &backup::FileEntry::partition), field("records", &backup::FileEntry::records),
    field("bytes", &backup::FileEntry::bytes),         field("sha256", &backup::FileEntry::sha256),
};
template <>
inline constexpr auto fields<backup::TotalEntry> =
    std::tuple{field("topic", &backup::TotalEntry::topic), field("records", &backup::TotalEntry::records),
               field("bytes", &backup::TotalEntry::bytes)};
template <>
inline constexpr auto fields<backup::ReactorEntry> =
    std::tuple{field("group", &backup::ReactorEntry::group), field("positions", &backup::ReactorEntry::positions)};
template <>
inline constexpr auto fields<backup::Keys> =
    std::tuple{field("inside", &backup::Keys::inside), field("form", &backup::Keys::form),
               field("secrets", &backup::Keys::secrets)};
template <>
inline constexpr auto fields<backup::Manifest> = std::tuple{
    field("format", &backup::Manifest::format),
    field("product", &backup::Manifest::product),
    field("fold_version", &backup::Manifest::fold_version),
    field("time", &backup::Manifest::time),
    field("finished", &backup::Manifest::finished),
    field("topic_prefix", &backup::Manifest::topic_prefix),
    field("partitions", &backup::Manifest::partitions),
    field("topics", &backup::Manifest::topics),
    field("cut", &backup::Manifest::cut),
    field("ends_moved", &backup::Manifest::ends_moved),
    field("seals", &backup::Manifest::seals),
    field("unreadable_replies", &backup::Manifest::unreadable_replies),
    field("reactors", &backup::Manifest::reactors),
    field("replies_since", &backup::Manifest::replies_since),
    field("keys", &backup::Manifest::keys),
    field("totals", &backup::Manifest::totals),
    field("files", &backup::Manifest::files),
};
template <>
inline constexpr auto fields<backup::Secret> =
    std::tuple{field("name", &backup::Secret::name), field("value", &backup::Secret::value)};

}  // namespace parley::schema

namespace parley::backup {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLookEveryBytes = 8 << 20;

std::unexpected<std::string> failed(const std::string& path) {
  return std::unexpected(path + ": " + std::strerror(errno));
}
std::string digest_line(std::string_view text) {
  return fmt::format("{}  {}\n", crypto::hex(crypto::sha256(text)), kManifest);
}

/// A name is a name of a file in the folder, and nothing that leads elsewhere.
bool is_plain(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find('/') == std::string::npos;
}

std::expected<void, std::string> check_file(const std::string& path, const FileEntry& file,
                                            const std::function<bool(std::int64_t bytes)>& go_on) {
  std::error_code gone;
  const auto size = fs::file_size(path, gone);
  if (gone) return std::unexpected(path + ": is missing");
  if (static_cast<std::int64_t>(size) != file.bytes)
    return std::unexpected(path + ": has another size than the manifest says");
  if (file.topic.empty()) {
    const auto text = read_file(path);
    if (!text) return std::unexpected(text.error());
    if (crypto::hex(crypto::sha256(*text)) != file.sha256)
      return std::unexpected(path + ": was changed (another SHA-256)");
    return {};
  }
  auto reader = RecordReader::open(path);
  if (!reader) return std::unexpected(reader.error());
  std::int64_t last_offset = -1, looked = 0;
  while (true) {
    const auto record = reader->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) break;
    if ((*record)->offset <= last_offset) return std::unexpected(path + ": its records are not in order");
    last_offset = (*record)->offset;
    if (reader->bytes() - looked > kLookEveryBytes) {
      if (!go_on(reader->bytes() - looked)) return std::unexpected(std::string("stopped"));
      looked = reader->bytes();
    }
  }
  if (!go_on(reader->bytes() - looked)) return std::unexpected(std::string("stopped"));
  if (reader->records() != file.records)
    return std::unexpected(path + ": has another number of records than the manifest says");
  if (reader->finish_digest() != file.sha256) return std::unexpected(path + ": was changed (another SHA-256)");
  return {};
}

/// All that must be there for a log of so many partitions.
std::set<std::string> names_of(const Manifest& manifest) {
  std::set<std::string> out;
  for (const auto topic : {kEvents, kReplies, kDeadLetters, kDirectory}) {
    for (int i = 0; i < static_cast<int>(manifest.partitions); ++i) out.insert(file_name(topic, i));
  }
  if (manifest.keys.inside) out.insert(std::string(kSecrets));
  return out;
}

}  // namespace

std::string manifest_json(const Manifest& manifest) { return schema::write(manifest); }

void print_contents(const Manifest& manifest) {
  for (const auto& total : manifest.totals)
    std::cout << fmt::format("  {:<14}{} records, {}\n", total.topic, total.records, size_text(total.bytes));
  std::cout << "  keys          "
            << (manifest.keys.inside ? "inside, under the passphrase" : "left out: a restore needs the old ones")
            << "\n";
  if (manifest.seals > 0)
    std::cout << "  of the events, " << manifest.seals
              << " are seals of this log's order: a restore leaves them behind\n";
  if (manifest.unreadable_replies > 0)
    std::cout << "  replies that this build cannot read were left out: " << manifest.unreadable_replies << "\n";
}

std::string file_name(std::string_view topic, int partition) { return fmt::format("{}-{}.records", topic, partition); }

std::expected<std::string, std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return failed(path);
  return text;
}

std::expected<void, std::string> write_file(const std::string& path, std::string_view text) {
  const auto draft = fmt::format("{}.new-{}", path, getpid());
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed(draft);
  errno = ENOSPC;  // what a write that takes less than all means
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  int error = errno;
  ::close(fd);
  const bool placed = written && ::rename(draft.c_str(), path.c_str()) == 0;
  if (written && !placed) error = errno;
  if (!placed) ::unlink(draft.c_str());
  errno = error;
  if (!placed) return failed(path);
  // The name too.
  const int folder = ::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

std::expected<void, std::string> write_manifest(const std::string& folder, const Manifest& manifest) {
  const auto text = json::pretty(manifest_json(manifest));
  if (auto digest = write_file(fmt::format("{}/{}", folder, kManifestDigest), digest_line(text)); !digest)
    return digest;
  return write_file(fmt::format("{}/{}", folder, kManifest), text);
}

std::expected<Manifest, std::string> read_manifest(const std::string& folder) {
  const auto path = fmt::format("{}/{}", folder, kManifest);
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error() + ": no copy, or one that was not finished");
  const auto digest = read_file(fmt::format("{}/{}", folder, kManifestDigest));
  if (!digest) return std::unexpected(digest.error());
  if (*digest != digest_line(*text))
    return std::unexpected(fmt::format("{}: was changed (its SHA-256 is not the one in {})", path, kManifestDigest));
  const auto problem = [&](const schema::Problem& found) {
    return std::unexpected(fmt::format("{}: {} {}", path, found.field, found.issue));
  };
  const auto format = schema::read_text<Format>(*text);  // first: another format has other fields
  if (!format) return problem(format.error());
  if (format->format != kFormat)
    return std::unexpected(fmt::format("{}: is of format {}, this program reads {}", path, format->format, kFormat));
  const auto manifest = schema::read_text<Manifest>(*text);
  if (!manifest) return problem(manifest.error());
  if (manifest->partitions < 1 || manifest->partitions > kSlots ||
      manifest->cut.size() != static_cast<std::size_t>(manifest->partitions))
    return std::unexpected(path + ": its partitions and its cut are not of one log");
  for (const auto& reactor : manifest->reactors.value_or(std::vector<ReactorEntry>{})) {
    if (reactor.positions.size() != manifest->cut.size())
      return std::unexpected(path + ": its partitions and the positions of " + reactor.group + " are not of one log");
  }
  return *manifest;
}

std::expected<void, std::string> check_files(const std::string& folder, const Manifest& manifest,
                                             const std::function<bool(std::int64_t bytes)>& go_on) {
  auto missing = names_of(manifest);
  for (const auto& file : manifest.files) {
    if (!is_plain(file.name) || missing.erase(file.name) == 0)
      return std::unexpected(fmt::format("{}/{}: does not belong to a copy", folder, file.name));
    if (!file.topic.empty() && file.name != file_name(file.topic, static_cast<int>(file.partition)))
      return std::unexpected(fmt::format("{}/{}: is not where the manifest says that it belongs", folder, file.name));
    if (auto checked = check_file(folder + "/" + file.name, file, go_on); !checked) return checked;
  }
  if (!missing.empty())
    return std::unexpected(
        fmt::format("{}/{}: is not in the manifest, the copy is not whole", folder, *missing.begin()));
  return {};
}

std::string write_secrets(const std::vector<Secret>& secrets) {
  json::Writer w;
  schema::Codec<std::vector<Secret>>::write(w, secrets);
  return w.take();
}

std::expected<std::vector<Secret>, std::string> read_secrets(std::string_view text) {
  auto read = schema::read_text<std::vector<Secret>>(text);
  if (!read)
    return std::unexpected(fmt::format("the secrets cannot be read: {} {}", read.error().field, read.error().issue));
  return std::move(*read);
}

}  // namespace parley::backup
