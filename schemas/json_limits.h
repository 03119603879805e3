#pragma once
// How much JSON callers may send in one text, beside its bytes and json::kDepthMax: what Strict::yes holds. A header of
// its own, because nearly everything reads json.h, and the limits are for those who write or test them.
#include <cstddef>

namespace parley::json {

/// Members and elements of one text, at whatever depth. The largest request of our contracts has fewer than a hundred;
/// unknown fields come in too.
inline constexpr std::size_t kValuesMax = 1'000;
/// Bytes of the path that a problem of a field is reported with: names are the caller's to choose, and an answer is
/// not.
inline constexpr std::size_t kPathBytesMax = 256;

}  // namespace parley::json
