#pragma once
// What endpoints refuse by themselves, in the terms of HTTP, and the list of everything that an API may refuse with:
// each surface answers all of it (ErrorForm).
#include <array>
#include <vector>

#include "domain/kernel.h"

namespace parley::endpoint {

// The HTTP kernel (api/http) and the edge refuse by these names before an endpoint is reached.
inline constexpr Code kBadRequest{"BAD_REQUEST"};
inline constexpr Code kMethodNotAllowed{"METHOD_NOT_ALLOWED"};
inline constexpr Code kRequestTimeout{"REQUEST_TIMEOUT"};
inline constexpr Code kLengthRequired{"LENGTH_REQUIRED"};
inline constexpr Code kPayloadTooLarge{"PAYLOAD_TOO_LARGE"};
inline constexpr Code kUriTooLong{"URI_TOO_LONG"};
inline constexpr Code kExpectationFailed{"EXPECTATION_FAILED"};
inline constexpr Code kHeadersTooLarge{"HEADERS_TOO_LARGE"};
inline constexpr Code kHttpVersionNotSupported{"HTTP_VERSION_NOT_SUPPORTED"};

/// The body is of a type that the endpoint does not read.
inline constexpr Code kUnsupportedMediaType{"UNSUPPORTED_MEDIA_TYPE"};
/// A client goes on with a stream from an id that the stream never gave.
inline constexpr Code kInvalidLastEventId{"INVALID_LAST_EVENT_ID"};
/// More requests than the limit of the endpoint lets through.
inline constexpr Code kRateLimitExceeded{"RATE_LIMIT_EXCEEDED"};

inline constexpr std::array kRefusals{kBadRequest,           kMethodNotAllowed,   kRequestTimeout,
                                      kLengthRequired,       kPayloadTooLarge,    kUriTooLong,
                                      kExpectationFailed,    kHeadersTooLarge,    kHttpVersionNotSupported,
                                      kUnsupportedMediaType, kInvalidLastEventId, kRateLimitExceeded};

/// Whatever the surface: of decisions, of deciders, of the parts of an API, and of endpoints.
std::vector<Code> refusals();

}  // namespace parley::endpoint
