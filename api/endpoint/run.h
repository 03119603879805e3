#pragma once
// Internal: the way of a request through a declared endpoint to its answer.
#include <chrono>
#include <memory>

#include "api/endpoint/registry.h"

namespace parley::endpoint {

/// A read that names a position (X-Read-After, a cursor) waits at most this long for it, and is then answered with what
/// there is.
inline constexpr std::chrono::milliseconds kReadAfterWaitMax{2'000};
/// So long it then waits to be told where the log ends: one that lies beyond is refused.
inline constexpr std::chrono::milliseconds kEndWaitMax{500};
/// A query whose turn comes later than this is refused instead: its client has likely gone, and those behind it are
/// served in time.
inline constexpr std::chrono::milliseconds kQueryWaitMax{5'000};
/// A query waits at most this long for a connection of the pool.
inline constexpr std::chrono::milliseconds kLeaseWaitMax{2'000};
/// How long an answer waits for what this process itself must know of it, and how often it looks.
inline constexpr std::chrono::milliseconds kSettleWaitMax{1'000};
inline constexpr std::chrono::milliseconds kSettleLook{2};
/// A caller of whom this process has not heard is unknown once the directory is complete as of the request. How long
/// that is waited for, and how often it looks: catching up with other processes takes milliseconds, and a second where
/// nothing happens. After that it is asked to come again.
inline constexpr std::chrono::milliseconds kCatchUpWaitMax{5'000};
inline constexpr std::chrono::milliseconds kCatchUpLook{10};

/// Of an endpoint that takes an upload; empty for any other.
http::Intake intake(std::shared_ptr<const Endpoint> endpoint, const Deps& deps);
http::Handler handler(std::shared_ptr<const Endpoint> endpoint, const Deps& deps);

}  // namespace parley::endpoint
