#include "domain/parking/parking.h"
#include "tests/unit/contexts/frozen.h"

namespace parley::parking {
// Add lines, never edit one.
std::vector<FrozenEvent> frozen() {
  return frozen_events<Event>({
      {Parked{"c0ffee", 7, "f1", "a decision failed"}, "parley.stream.parked.v1",
       R"({"command_id":"c0ffee","command_offset":7,"fingerprint":"f1","reason":"a decision failed"})"},
      {Unparked{Action::skip, "not worth it", "read_models", 4}, "parley.stream.unparked.v1",
       R"({"action":"skip","reason":"not worth it","projection":"read_models","version":4})"},
  });
}

}  // namespace parley::parking
