#include "schemas/contexts/seals.h"

#include "schemas/context_tables.h"
#include "schemas/contexts/words.h"

namespace parley::schema {

namespace {

/// What each event tells.
struct Words {
  std::string operator()(const seals::PartitionSealed& e, const Telling&) const {
    return "sealed: the " + std::to_string(e.events) + " events before are signed with key " + e.key_id;
  }
};

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<seals::Event, Words>(out);
  return out;
}

}  // namespace

extern constinit const ContextSchema seals_schema = made();

}  // namespace parley::schema
