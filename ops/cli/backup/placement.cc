#include "ops/cli/backup/placement.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/model.h"
#include "schemas/envelope.h"
#include "schemas/fields.h"

namespace parley::backup {
namespace {

/// As write_outcome() writes it.
std::string text_of(const schema::Position& position) {
  return R"("position":{"partition":)" + std::to_string(position.partition) + R"(,"offset":)" +
         std::to_string(position.offset) + "}";
}

}  // namespace

std::optional<int> slot_of_subject(std::string_view subject) {
  const auto slash = subject.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const auto id = schema::parse_integer(subject.substr(slash + 1));
  if (!id || *id < 1) return std::nullopt;
  return slot_of(*id);
}

std::vector<int> Partitions::successors(int old_partition) const {
  std::vector<int> out;
  for (int slot = 0; slot < kSlots; ++slot) {
    if (partition_of(slot, old_count) != old_partition) continue;
    const int successor = partition_of(slot, new_count);
    if (out.empty() || out.back() != successor) out.push_back(successor);
  }
  return out;
}

std::expected<int, std::string> place_of_event(const StoredRecord& record, int old_partition,
                                               const Partitions& partitions) {
  const auto subject = record.header("ce_subject").value_or("");
  const auto slot = slot_of_subject(subject);
  if (!slot) return std::unexpected(fmt::format("its subject \"{}\" is no stream", subject));
  if (partition_of(*slot, partitions.old_count) != old_partition)
    return std::unexpected(std::string(subject) + " belongs to another partition");
  return partition_of(*slot, partitions.new_count);
}

std::vector<int> places_of_reply(const schema::Outcome& outcome, int old_partition, const Partitions& partitions) {
  if (const auto slot = slot_of_subject(outcome.stream)) return {partition_of(*slot, partitions.new_count)};
  return partitions.successors(old_partition);
}

int place_of_letter(const StoredRecord& record, int old_partition, const Partitions& partitions) {
  auto slot = slot_of_subject(record.header("dead_stream").value_or(""));
  if (const auto asked = schema::parse_integer(record.key); !slot && asked && *asked >= 0 && *asked < kSlots)
    slot = static_cast<int>(*asked);
  if (slot && partition_of(*slot, partitions.old_count) == old_partition)
    return partition_of(*slot, partitions.new_count);
  return partitions.successors(old_partition).front();
}

void Translation::add(int old_partition, std::int64_t old_offset, std::int64_t new_offset) {
  moved_[static_cast<std::size_t>(old_partition)].push_back({old_offset, new_offset});
}

std::optional<std::int64_t> Translation::find(int old_partition, std::int64_t old_offset) const {
  const auto& moved = moved_[static_cast<std::size_t>(old_partition)];
  const auto found = std::ranges::lower_bound(moved, old_offset, {}, &Moved::from);
  if (found == moved.end() || found->from != old_offset) return std::nullopt;
  return found->to;
}

void translate_event(StoredRecord& record) {
  record.set_header("ce_commandoffset", std::to_string(schema::kBeforeEveryCommand));
}

std::expected<void, std::string> translate_reply(StoredRecord& record, const schema::Outcome& outcome,
                                                 const std::optional<schema::Position>& position) {
  record.set_header("command_offset", std::to_string(schema::kBeforeEveryCommand));
  if (outcome.position.has_value() != position.has_value() || !record.value)
    return std::unexpected("its event is not in the copy");
  if (!position) return {};
  const auto before = text_of(*outcome.position), after = text_of(*position);
  const auto at = record.value->find(before);
  if (at == std::string::npos) return std::unexpected("its position cannot be found");
  record.value->replace(at, before.size(), after);
  const auto reread = schema::read_outcome(*record.value);
  if (!reread || reread->position != position) return std::unexpected("its position cannot be changed");
  return {};
}

}  // namespace parley::backup
