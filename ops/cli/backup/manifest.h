#pragma once
// What a copy says of itself: manifest.json, and its SHA-256 beside it. README.md has its fields.
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/kernel.h"

namespace parley::backup {

/// Of the whole copy: another one is refused.
inline constexpr std::int64_t kFormat = 1;
inline constexpr std::string_view kManifest = "manifest.json", kManifestDigest = "manifest.sha256",
                                  kSecrets = "secrets.sealed";

/// The topics that a copy holds, without their prefix, in the order in which they are restored.
inline constexpr std::string_view kEvents = "events", kReplies = "replies", kDeadLetters = "dead-letters",
                                  kDirectory = "directory";

struct TopicEntry {
  std::string name;
  std::string id;  ///< Kafka's, when the copy was made.
};
struct FileEntry {
  std::string name;
  std::string topic;  ///< Without its prefix; empty for the secrets.
  std::int64_t partition = 0;
  std::int64_t records = 0;
  std::int64_t bytes = 0;
  std::string sha256;  ///< Hexadecimal.
};
struct TotalEntry {
  std::string topic;
  std::int64_t records = 0;
  std::int64_t bytes = 0;
};
/// A reactor that acts outside.
struct ReactorEntry {
  std::string group;                    ///< Without the topics' prefix: "reactor.mailer".
  std::vector<std::int64_t> positions;  ///< By partition: the event of its oldest call that was not finished.
};
struct Keys {
  bool inside = false;
  std::string form;                  ///< How they are sealed; of keys that are not inside: that they are not.
  std::vector<std::string> secrets;  ///< Their names, in the order of the sealed list.
};
struct Manifest {
  std::int64_t format = kFormat;
  std::string product;
  std::int64_t fold_version = 0;
  Timestamp time;  ///< Before which everything inside was stamped.
  Timestamp finished;
  std::string topic_prefix;
  std::int64_t partitions = 0;
  std::vector<TopicEntry> topics;
  std::vector<std::int64_t> cut;  ///< One past the last offset of each partition of the events.
  std::int64_t ends_moved = 0;    ///< How often an end was moved before an event whose cause was outside.
  std::int64_t seals = 0;         ///< Events that a restore leaves behind.
  std::int64_t unreadable_replies = 0;
  std::optional<std::vector<ReactorEntry>> reactors;  ///< Absent in copies of earlier builds.
  Timestamp replies_since;                            ///< Outcomes before are not inside: their window is over.
  std::vector<FileEntry> files;
  std::vector<TotalEntry> totals;
  Keys keys;
};

/// Last of all: first its digest, then the manifest, each under its name when it is whole. A folder without it is no
/// copy.
std::expected<void, std::string> write_manifest(const std::string& folder, const Manifest& manifest);
/// Refuses one that was changed or is of another format. The error names the file.
std::expected<Manifest, std::string> read_manifest(const std::string& folder);

/// Whether every file that belongs to a copy stands there as the manifest says: size, SHA-256, records that decode.
/// Reads all of it; `go_on` is told of bytes read now and then, and ends it with false. The error names the file.
std::expected<void, std::string> check_files(const std::string& folder, const Manifest& manifest,
                                             const std::function<bool(std::int64_t bytes)>& go_on);

std::string manifest_json(const Manifest& manifest);
/// For people, on standard output.
void print_contents(const Manifest& manifest);

std::string file_name(std::string_view topic, int partition);

struct Secret {
  std::string name;
  std::string value;  ///< Base64url of its bytes.
};
/// As JSON text: what is sealed.
std::string write_secrets(const std::vector<Secret>& secrets);
std::expected<std::vector<Secret>, std::string> read_secrets(std::string_view text);

std::expected<std::string, std::string> read_file(const std::string& path);
/// Under its name when it is whole and on the disk; for its owner alone.
std::expected<void, std::string> write_file(const std::string& path, std::string_view text);

}  // namespace parley::backup
