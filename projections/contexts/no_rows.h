#pragma once
// Of a context that no table of the read models tells of.
#include "projections/context_rows.h"

namespace parley::projections {

class NoRows final : public ContextRows {
 public:
  void project(const Event&, const Position&) override {}
  void touch(const Position&, bool) override {}
  postgres::Result<void> write(postgres::Transaction&) const override { return {}; }
  postgres::Result<void> pass(postgres::Transaction&, std::int64_t, std::int64_t) const override { return {}; }
  std::shared_ptr<const void> row(std::int64_t, const std::type_info&) const override { return nullptr; }
  ShownRows shown(std::int64_t, schema::Disclosure) const override { return {}; }
};

}  // namespace parley::projections
