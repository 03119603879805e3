#pragma once
// How many assistants an owner has, with those that are being created: what a creation is told when it is sent.
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "domain/kernel.h"

namespace parley::api {

class Directory;

/// Counts what the directory knows and, beside it, the creations under way through this process, which the directory
/// does not know yet. So one process lets an owner have no assistant more than `assistants_max`, however many are asked
/// for at once. Processes do not see each other's creations before the directory has them (a second at most): each may
/// let through what was free when it looked. Thread-safe; does not block.
class Creations {
 public:
  /// `directory` must outlive this.
  Creations(const Directory& directory, std::size_t assistants_max)
      : directory_(directory), assistants_max_(assistants_max) {}
  Creations(const Creations&) = delete;
  Creations& operator=(const Creations&) = delete;

  /// Whether the owner, as far as the directory knows, is a few assistants before its limit, or past it.
  bool is_near_limit(AccountId owner) const;

  /// One assistant counts as under way for as long as this lives. This must not outlive its Creations.
  using Place = std::shared_ptr<const void>;
  /// For the assistant that is to be created by that command, which gets that site token. Nothing: the owner has as
  /// many as it may. A command that is sent again has its place already.
  Place take(AccountId owner, const std::string& command_id, const std::string& site_token);

 private:
  struct Creation {
    std::string site_token;
    std::size_t sendings = 0;
  };
  using OfOwner = std::map<std::string, Creation>;  // by command
  void give_back(AccountId owner, const std::string& command_id);

  const Directory& directory_;
  const std::size_t assistants_max_;
  std::mutex mutex_;
  std::map<AccountId, OfOwner> under_way_;
};

}  // namespace parley::api
