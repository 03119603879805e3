#include "ops/cli/audit/tree.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <set>
#include <tuple>

namespace parley::audit {
namespace {

bool is_before(const Node& a, const Node& b) {
  const auto key = [](const Node& n) { return std::tuple(n.time, n.stream, n.version, n.id); };
  return key(a) < key(b);
}

/// Nodes by id, and who stands below whom, until the tree is put together.
class Forest {
 public:
  Node& at(const std::string& id) { return nodes_[id]; }
  bool has(const std::string& id) const { return nodes_.contains(id); }
  void set_cause(const std::string& id, const std::string& cause) { causes_[id] = cause; }

  /// Takes every node: below `root`, or below what it was caused by.
  void take_into(Node& root) {
    std::map<std::string, std::vector<std::string>> below;
    for (const auto& [id, node] : nodes_) {
      const auto cause = causes_.find(id);
      below[cause != causes_.end() && nodes_.contains(cause->second) && !is_in_circle(id) ? cause->second
                                                                                          : std::string()]
          .push_back(id);
    }
    take(below, "", root);
  }

 private:
  // Ids are made so that none can cause itself; but what reads a log must end whatever stands there.
  bool is_in_circle(const std::string& id) const {
    std::set<std::string> met;
    auto at = causes_.find(id);
    while (at != causes_.end() && met.insert(at->first).second) {
      if (at->second == id) return true;
      at = causes_.find(at->second);
    }
    return false;
  }
  void take(const std::map<std::string, std::vector<std::string>>& below, const std::string& id, Node& parent) {
    const auto ids = below.find(id);
    if (ids == below.end()) return;
    for (const auto& child : ids->second) {
      auto& node = parent.children.emplace_back(std::move(nodes_[child]));
      take(below, child, node);
    }
    std::ranges::sort(parent.children, is_before);
  }

  std::map<std::string, Node> nodes_;
  std::map<std::string, std::string> causes_;
};

}  // namespace

Node build_tree(const std::string& correlation, const std::vector<SeenCommand>& commands,
                const std::vector<SeenEvent>& events) {
  Forest forest;
  for (const auto& c : commands) {
    auto& node = forest.at(c.id);
    node.attempts = node.attempts.value_or(0) + 1;
    if (node.attempts > 1) continue;
    node.kind = "command";
    node.id = c.id;
    node.type = c.type;
    node.actor = c.principal;
    node.time = c.time;
    node.position = c.position;
  }
  for (const auto& e : events) {
    auto& node = forest.at(e.id);
    node.kind = "event";
    node.id = e.id;
    node.type = e.type;
    node.stream = e.stream;
    node.version = e.version;
    node.actor = e.actor;
    node.time = e.time;
    node.position = e.position;
    forest.set_cause(e.id, e.cause);
  }
  // Commands are kept for days, events for ever: what the events still tell of their commands.
  for (const auto& e : events) {
    if (e.cause.empty() || (forest.has(e.cause) && !forest.at(e.cause).is_gone)) continue;
    auto& node = forest.at(e.cause);
    node.kind = "command";
    node.id = e.cause;
    node.actor = e.actor;
    node.time = std::min(node.time.value_or(e.time), e.time);
    node.is_gone = true;
  }
  for (const auto& e : events) {
    for (const auto& command : e.asked_for) forest.set_cause(command, e.id);
  }
  Node request;
  request.kind = "request";
  request.id = correlation;
  forest.take_into(request);
  if (!request.children.empty()) {
    request.time = request.children.front().time;
    request.actor = request.children.front().actor;
  }
  return request;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (i == 8 || i == 13 || i == 18 || i == 23 ? c != '-' : !is_hex) return false;
  }
  return true;
}

std::optional<Timestamp> time_of_uuid7(std::string_view text) {
  if (!is_uuid(text) || text[14] != '7') return std::nullopt;
  const auto digits = std::string(text.substr(0, 8)) + std::string(text.substr(9, 4));
  std::int64_t milliseconds = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), milliseconds, 16);
  return Timestamp(std::chrono::milliseconds(milliseconds));
}

}  // namespace parley::audit
