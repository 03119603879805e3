#pragma once
// What a fold that is kept depends on beside the fold itself.
#include <string>

namespace parley::runtime {

/// The types of events that this build knows, as a SHA-256 in hexadecimal digits: an event that one build has passed
/// over as unknown another one folds. Made once; thread-safe.
const std::string& known_event_types();

}  // namespace parley::runtime
