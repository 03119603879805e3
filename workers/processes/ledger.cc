#include "workers/processes/ledger.h"

namespace parley::processes {

void Ledger::begin(int partition, std::int64_t next) { partitions_[partition].next = next; }

void Ledger::read(int partition, std::int64_t offset, const std::vector<std::string>& commands) {
  auto& own = partitions_[partition];
  own.next = offset + 1;
  std::size_t waited = 0;
  for (const auto& id : commands) waited += places_.try_emplace(id, partition, offset).second ? 1 : 0;
  if (waited > 0) own.unfinished.emplace(offset, waited);
}

bool Ledger::settle(std::string_view command_id) {
  const auto place = places_.find(std::string(command_id));
  if (place == places_.end()) return false;
  auto& unfinished = partitions_.at(place->second.first).unfinished;
  const auto event = unfinished.find(place->second.second);
  if (--event->second == 0) unfinished.erase(event);
  places_.erase(place);
  return true;
}

std::map<int, std::int64_t> Ledger::positions() const {
  std::map<int, std::int64_t> out;
  for (const auto& [partition, own] : partitions_)
    out.emplace(partition, own.unfinished.empty() ? own.next : own.unfinished.begin()->first);
  return out;
}

void Ledger::clear() {
  partitions_.clear();
  places_.clear();
}

}  // namespace parley::processes
