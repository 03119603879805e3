#pragma once
// The directory (parley.directory, compacted): what an API must know to let somebody in, without PostgreSQL. The
// entries of a context are beside its events (schemas/contexts/).
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/model.h"
#include "schemas/fields.h"

namespace parley::schema {

/// A stream that refuses commands, and why.
struct ParkedStream {
  std::string stream;
  Timestamp since;
  std::int64_t version = 0;  ///< Of the event with which it stopped.
  std::string reason;
  std::optional<std::string>
      command_id;  ///< Of the command that stopped it; nothing when an event of an unknown type did.
  std::optional<std::int64_t> command_offset;
};
/// Under "parked/<partition>": what stands still in a partition, as its decider knows it. For operators.
struct ParkedEntry {
  std::int64_t total = 0;
  std::vector<ParkedStream> streams;  ///< Some of them when they are many.
};
template <>
inline constexpr auto fields<ParkedStream> = std::tuple{
    field("stream", &ParkedStream::stream),         field("since", &ParkedStream::since),
    field("version", &ParkedStream::version),       field("reason", &ParkedStream::reason),
    field("command_id", &ParkedStream::command_id), field("command_offset", &ParkedStream::command_offset),
};
template <>
inline constexpr auto fields<ParkedEntry> =
    std::tuple{field("total", &ParkedEntry::total),
               field("streams", &ParkedEntry::streams, {}, "Some of them when they are many")};

inline constexpr std::string_view kParkedPrefix = "parked/";

struct DirectoryRecord {
  std::string key;
  std::optional<std::string> value;  ///< Nothing: the entry goes (a tombstone).
  friend bool operator==(const DirectoryRecord&, const DirectoryRecord&) = default;
};
/// What the directory says of a stream: a function of its state, so that it can be made again out of the log. Always
/// with a value; keys of one stream differ. A key may pass from one stream to another, but at no time do two have it.
std::vector<DirectoryRecord> directory_of(const Stream& stream, const State& state);
/// Whether streams of that kind are in the directory at all.
bool is_in_directory(Kind kind);
/// What has to be written when the state changes from one to the other.
std::vector<DirectoryRecord> directory_changes(const Stream& stream, const State& before, const State& after);
/// The stream that an entry is about; nothing for other entries, and those that this build cannot read.
std::optional<Stream> stream_of_entry(std::string_view key, std::string_view value);
DirectoryRecord parked_record(int partition, const ParkedEntry& parked);
/// What keys begin with, without the slash, and the JSON Schema of the entries under it: what is committed in
/// schemas/directory/.
std::vector<std::pair<std::string, std::string>> directory_schemas();

}  // namespace parley::schema
