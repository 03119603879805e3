#pragma once
// What one request led to, as a tree: request -> commands -> their events -> the commands that those caused -> … Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/kernel.h"

namespace parley::audit {

/// A command as far as it is known: from its record, or, when that is gone, from the events that name it as their
/// cause.
struct SeenCommand {
  std::string id;
  std::string type;
  std::string principal;
  std::string correlation;
  Timestamp time;        ///< When it was sent.
  std::string position;  ///< "3:17" in parley.commands.
};
struct SeenEvent {
  std::string id;
  std::string type;
  std::string stream;
  std::int64_t version = 0;
  std::string actor;
  std::string correlation;
  std::string cause;  ///< A command's id, or an event's.
  Timestamp time;
  std::string position;                ///< In parley.events.
  std::vector<std::string> asked_for;  ///< The ids of the commands that a reactor sends because of it.
};

/// What is not known of a node is absent.
struct Node {
  std::string kind;  ///< "request", "command" or "event".
  std::string id;    ///< Of a request: the correlation id.
  std::optional<std::string> type;
  std::optional<std::string> stream;
  std::optional<std::int64_t> version;
  std::optional<std::string> actor;
  std::optional<Timestamp> time;
  std::optional<std::string> position;
  std::optional<std::int64_t> attempts;  ///< Of a command: how often it was sent.
  std::optional<bool> is_gone;           ///< A command whose record is not in the log any more.
  std::vector<Node> children;            ///< By time.
};

/// Whatever is given has its place exactly once: below its cause where that is among what is given, and below the
/// request otherwise. Commands of one id are one, sent several times. `correlation` is the request's.
Node build_tree(const std::string& correlation, const std::vector<SeenCommand>& commands,
                const std::vector<SeenEvent>& events);

/// The time in a UUIDv7 (RFC 9562); nothing for any other text.
std::optional<Timestamp> time_of_uuid7(std::string_view text);
bool is_uuid(std::string_view text);

}  // namespace parley::audit
