#include "domain/seals/seals.h"
#include "tests/unit/contexts/frozen.h"

namespace parley::seals {
// Add lines, never edit one.
std::vector<FrozenEvent> frozen() {
  return frozen_events<Event>({
      {PartitionSealed{7, "d1", "k1", "5f"}, "parley.partition.sealed.v1",
       R"({"events":7,"digest":"d1","key_id":"k1","signature":"5f"})"},
  });
}

}  // namespace parley::seals
