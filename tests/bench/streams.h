#pragma once
// Event streams: how long a message takes from its author's request to those who follow the dialog.
#include <chrono>

#include "tests/bench/scene.h"

namespace parley::bench {

/// Many streams on one dialog, and now and then a message to all of them.
struct FanOut {
  int port = 0;
  int streams = 5'000;
  int messages = 10;
};
/// Opens the streams and prints {"streams": n}; waits for a line on standard input (so that memory can be looked at);
/// sends the messages one after another; prints p50_ms, p99_ms, max_ms over all deliveries, and lost deliveries. Throws
/// when streams do not open.
void run(const FanOut& fan_out, const Scene& scene);

/// A stream on every dialog, and messages at a rate, each due at its time whether the ones before have been answered or
/// not.
struct Live {
  int port = 0;
  int clients = 64;
  int per_second = 500;
  std::chrono::milliseconds time{5'000};
};
/// Prints delivered, lost, p50_ms, p99_ms, max_ms from when a message was due to its arrival on the stream.
void run(const Live& live, const Scene& scene);

}  // namespace parley::bench
