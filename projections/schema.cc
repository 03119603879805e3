#include "projections/schema.h"

#include <vector>

#include "schemas/sql/migrations.h"

namespace parley::projections {

std::span<const postgres::Migration> migrations() {
  static const std::vector<postgres::Migration> steps = [] {
    std::vector<postgres::Migration> all;
    for (const auto& file : schema::sql_files()) all.push_back({file.name, file.text});
    return all;
  }();
  return steps;
}

}  // namespace parley::projections
