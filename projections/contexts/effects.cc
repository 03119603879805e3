#include "projections/contexts/no_rows.h"

namespace parley::projections {

// Reactors read these events themselves.
std::unique_ptr<ContextRows> effects_rows() { return std::make_unique<NoRows>(); }

}  // namespace parley::projections
