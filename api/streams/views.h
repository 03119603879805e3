#pragma once
// What a surface shows of events: a function for each type of event.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/model.h"
#include "schemas/fields.h"
#include "schemas/signals.h"

namespace parley::api {

/// Who looks, as far as what is shown depends on it.
enum class Viewer : std::uint8_t {
  owner,    ///< The owner or its team, on one stream.
  visitor,  ///< A visitor of the assistant, on one stream.
  feed,     ///< The owner or its team, on the feed of all its streams.
};

/// An event with what the log says of it.
struct EventRecord {
  Stream stream;
  std::int64_t sequence = 0;  ///< The stream's version after it, and its id on a stream.
  Timestamp at;
  Event event;  ///< Empty: of a type that this build does not know, or unreadable. No viewer is shown it.
};

/// A surface's views: what each type of event looks like to each viewer, live and in history. An event without a view
/// is shown to nobody: on a stream its id advances, on a feed there is nothing. A surface fills it once and keeps it
/// while streams are open. Then it is thread-safe; a view is called under a partition's lock too, and must not block.
class EventViews {
 public:
  /// A JSON text; nothing: this viewer is not shown it.
  using Shown = std::optional<std::string>;

  /// Throws std::logic_error for a second view of one type.
  template <class E>
  EventViews& view(std::function<Shown(const E& event, const EventRecord& record, Viewer viewer)> show) {
    static_assert(!schema::type_name<E>.empty(), "an event's name is in its context's header in schemas/contexts");
    return add(schema::type_name<E>, [show = std::move(show)](const EventRecord& record, Viewer viewer, Shown& shown) {
      const auto* event = record.event.alternative<E>();
      if (event != nullptr) shown = show(*event, record, viewer);
      return event != nullptr;
    });
  }
  /// Typing is no event: it has no id and is kept nowhere.
  EventViews& typing(std::function<Shown(const schema::Typing& typing, Viewer viewer)> show);

  /// A view that throws is logged and counted, and shows nothing: one event must not end the process again and again.
  Shown show(const EventRecord& record, Viewer viewer) const;
  Shown show(const schema::Typing& typing, Viewer viewer) const;
  /// The wire names of what may be shown; types that are read and not written any more are among them, for they are
  /// shown as what they mean today.
  const std::vector<std::string>& types() const { return types_; }

 private:
  /// False for an event of another type.
  using View = std::function<bool(const EventRecord& record, Viewer viewer, Shown& shown)>;

  EventViews& add(std::string_view type, View view);

  std::vector<View> views_;
  std::function<Shown(const schema::Typing&, Viewer)> typing_;
  std::vector<std::string> types_;
};

}  // namespace parley::api
