#include "schemas/contexts/seals.h"

#include "schemas/context_tables.h"

namespace parley::schema {

namespace {

constexpr ContextSchema made() {
  ContextSchema out;
  add_events<seals::Event>(out);
  return out;
}

}  // namespace

extern constinit const ContextSchema seals_schema = made();

}  // namespace parley::schema
