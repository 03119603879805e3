#include "api/streams/views.h"

#include <algorithm>
#include <exception>
#include <stdexcept>

#include "api/streams/decode.h"
#include "platform/log/log.h"
#include "schemas/events.h"

namespace parley::api {

EventViews& EventViews::typing(std::function<Shown(const schema::Typing&, Viewer)> show) {
  typing_ = std::move(show);
  return *this;
}

EventViews::Shown EventViews::show(const EventRecord& record, Viewer viewer) const {
  try {
    Shown shown;
    static_cast<void>(std::ranges::any_of(views_, [&](const View& view) { return view(record, viewer, shown); }));
    return shown;
  } catch (const std::exception&) {
    unreadable_events().add();
    log::error("an event cannot be shown", {{"stream", to_string(record.stream)}, {"sequence", record.sequence}});
    return std::nullopt;
  }
}

EventViews::Shown EventViews::show(const schema::Typing& typing, Viewer viewer) const {
  return typing_ ? typing_(typing, viewer) : std::nullopt;
}

EventViews& EventViews::add(std::string_view type, View view) {
  if (types_.empty()) {
    for (const auto old : schema::old_event_types()) types_.emplace_back(old);
  }
  if (std::ranges::find(types_, type) != types_.end()) throw std::logic_error("a second view of " + std::string(type));
  types_.emplace_back(type);
  views_.push_back(std::move(view));
  return *this;
}

}  // namespace parley::api
