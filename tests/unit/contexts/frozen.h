#pragma once
// Events as they stand in logs for ever: each context says its own beside the tests of its rules, frozen_test.cc holds
// all of them against the build.
#include <string_view>
#include <vector>

#include "domain/value.h"

namespace parley {

/// What this build means by a type and its JSON. Of a type that it writes, it writes exactly that.
struct FrozenEvent {
  Event event;
  std::string_view type;
  std::string_view json;
};
template <class EventOf>
struct FrozenLine {
  EventOf event;
  std::string_view type;
  std::string_view json;
};
template <class EventOf>
std::vector<FrozenEvent> frozen_events(const std::vector<FrozenLine<EventOf>>& lines) {
  std::vector<FrozenEvent> out;
  for (const auto& line : lines) out.push_back({line.event, line.type, line.json});
  return out;
}

// Each listed context has its own, in <context>_test.cc.
#define PARLEY_CONTEXT(context, kind) \
  namespace context {                 \
  std::vector<FrozenEvent> frozen();  \
  }
#define PARLEY_CONTEXT_WITHOUT_STREAMS(context) PARLEY_CONTEXT(context, )
#include "domain/contexts.def"

}  // namespace parley
