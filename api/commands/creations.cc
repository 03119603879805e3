#include "api/commands/creations.h"

#include <vector>

#include "api/directory/directory.h"

namespace parley::api {

bool Creations::is_near_limit(AccountId owner) const {
  constexpr std::size_t kNear = 10;
  return directory_.assistants_of(owner, {}) + kNear >= assistants_max_;
}

Creations::Place Creations::take(AccountId owner, const std::string& command_id, const std::string& site_token) {
  const std::lock_guard lock(mutex_);
  auto& creations = under_way_[owner];
  if (!creations.contains(command_id)) {
    std::vector<std::string> site_tokens;
    site_tokens.reserve(creations.size());
    for (const auto& [command, creation] : creations) site_tokens.push_back(creation.site_token);
    if (directory_.assistants_of(owner, site_tokens) >= assistants_max_) {
      if (creations.empty()) under_way_.erase(owner);
      return nullptr;
    }
    creations.emplace(command_id, Creation{site_token});
  }
  ++creations.at(command_id).sendings;
  // The value that is pointed to is nobody's: what counts is when the last one goes.
  return {this, [this, owner, command_id](const void*) { give_back(owner, command_id); }};
}

void Creations::give_back(AccountId owner, const std::string& command_id) {
  const std::lock_guard lock(mutex_);
  const auto creations = under_way_.find(owner);
  const auto creation = creations->second.find(command_id);
  if (--creation->second.sendings != 0) return;
  creations->second.erase(creation);
  if (creations->second.empty()) under_way_.erase(creations);
}

}  // namespace parley::api
