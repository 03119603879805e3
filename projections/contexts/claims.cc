#include "projections/contexts/no_rows.h"

namespace parley::projections {

// Deciders alone need claims.
std::unique_ptr<ContextRows> claims_rows() { return std::make_unique<NoRows>(); }

}  // namespace parley::projections
