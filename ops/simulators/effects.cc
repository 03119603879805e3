#include "ops/simulators/effects.h"

#include <optional>
#include <utility>

namespace parley::simulators {

void Effects::declare_on(Simulator& simulator) {
  simulator.on("POST", "/effects", [this](const http::Request& request) { return post(request); });
  simulator.on("GET", "/effects/{id}", [this](const http::Request& request) {
    const std::string id(request.path.find("id").value_or(""));
    return answered(count(id) == 0 ? 404 : 200, id, "");
  });
}

std::int64_t Effects::count(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(id);
  return found == counts_.end() ? 0 : found->second;
}

Done Effects::post(const http::Request& request) {
  const auto body = json::Document::parse(request.body, json::Strict::yes);
  const auto given = body ? body->root().member("id").string() : std::nullopt;
  if (!given || given->empty()) return {.response = http::Response::json(400, R"({"error":"id must be a text"})")};
  const std::string id(*given);
  const std::string key(request.headers.get("Idempotency-Key"));
  std::optional<std::string> first;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = ids_by_key_.find(key); !key.empty() && known != ids_by_key_.end())
      first = known->second;
    else
      ++counts_[id];
    if (!key.empty()) ids_by_key_.try_emplace(key, id);
  }
  return first ? answered(200, *first, "") : answered(201, id, "effect " + id);
}

Done Effects::answered(int status, const std::string& id, std::string did) const {
  json::Writer writer;
  writer.begin_object();
  writer.key("id");
  writer.string(id);
  writer.key("count");
  writer.integer(count(id));
  writer.end_object();
  return {.response = http::Response::json(status, writer.take()), .did = std::move(did)};
}

}  // namespace parley::simulators
