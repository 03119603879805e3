#include "schemas/directory.h"

#include <algorithm>

#include "schemas/context.h"

namespace parley::schema {
namespace {

using Records = std::vector<DirectoryRecord>;

const ContextSchema& context_of(const State& state) {
  for (const auto* context : contexts()) {
    if (context->has_state != nullptr && context->has_state(state)) return *context;
  }
  throw std::logic_error("a state of no context");
}

}  // namespace

Records directory_of(const Stream& stream, const State& state) {
  const auto& context = context_of(state);
  return context.directory == nullptr ? Records{} : context.directory(stream, state);
}

bool is_in_directory(Kind kind) { return context_of(initial_state(kind)).directory != nullptr; }

Records directory_changes(const Stream& stream, const State& before, const State& after) {
  if (context_of(before).directory == nullptr) return {};
  const auto old = directory_of(stream, before);
  auto now = directory_of(stream, after);
  Records changes;
  for (const auto& record : old) {
    if (std::ranges::find(now, record.key, &DirectoryRecord::key) == now.end())
      changes.push_back({record.key, std::nullopt});
  }
  for (auto& record : now) {
    if (std::ranges::find(old, record) == old.end()) changes.push_back(std::move(record));
  }
  return changes;
}

std::optional<Stream> stream_of_entry(std::string_view key, std::string_view value) {
  for (const auto* context : contexts()) {
    for (const auto& entry : context->entries) {
      if (key.starts_with(entry.prefix)) return entry.stream(value);
    }
  }
  return std::nullopt;
}

DirectoryRecord parked_record(int partition, const ParkedEntry& parked) {
  return {std::string(kParkedPrefix) + std::to_string(partition), write(parked)};
}

std::vector<std::pair<std::string, std::string>> directory_schemas() {
  const auto name_of_prefix = [](std::string_view prefix) { return std::string(prefix.substr(0, prefix.size() - 1)); };
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto* context : contexts()) {
    for (const auto& entry : context->entries) out.emplace_back(name_of_prefix(entry.prefix), entry.json_schema());
  }
  out.emplace_back(name_of_prefix(kParkedPrefix), json::pretty(json_schema<ParkedEntry>()));
  return out;
}

}  // namespace parley::schema
