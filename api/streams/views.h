#pragma once
// How a surface shows events in its streams.
#include <optional>
#include <string>

#include "domain/dialogs/dialogs.h"
#include "domain/kernel.h"
#include "schemas/signals.h"

namespace parley::api {

/// Functions of one surface, each of which makes one JSON text. Constants of the program; thread-safe; must not block.
struct EventViews {
  /// A message, in the dialog's own stream and in feeds.
  std::string (*message)(DialogId, Timestamp, const dialogs::MessageCreated&){};
  /// What feeds show beside messages; nothing: the id advances alone.
  std::optional<std::string> (*feed)(DialogId, const dialogs::Event&, Timestamp){};
  /// That a person is typing, which nothing keeps.
  std::string (*typing)(const schema::Typing&){};
};

}  // namespace parley::api
