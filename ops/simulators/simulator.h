#pragma once
// A system outside, simulated: routes that act, faults that befall them, and a journal of what was done.
//
//   simulators::Simulator simulator({.journal_path = path});
//   simulator.on("POST", "/v2/Init", [&](const http::Request& request) -> simulators::Done {
//     return {.response = http::Response::json(200, init(request.body)), .did = "payment " + id};
//   });
//   simulator.start();
//   simulator.faults().add({.kind = simulators::FaultKind::lose_answer, .times = 1});
//
// Everybody who can reach it may also ask it (these are neither journalled nor befallen by faults):
//
//   POST /_faults?kind=error&status=500&route=POST+/v2/Init&times=2&percent=10    adds a fault (faults.h)
//   GET /_faults, DELETE /_faults                                                 one a line; ends all
//   GET /_journal?after=N&limit=N                                                 JSON Lines; 10,000 unless it is said
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"
#include "ops/simulators/faults.h"
#include "ops/simulators/journal.h"

namespace parley::simulators {

/// What a route has done with a request, and its answer. `did`: the effect, as checkers count it ("effect a1"); empty
/// where there was none (a question, a repeat, a refusal).
struct Done {
  http::Response response;
  std::string did;
};
/// Called by one thread at a time; must not block. One that throws is answered 500 and leaves no line in the journal.
using Act = std::function<Done(const http::Request&)>;

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;    ///< 0: any free one
  std::string journal_path;  ///< empty: no file
  std::uint64_t seed = 1;
  std::vector<Fault> faults;
};

/// A line of the journal, in the order in which requests were acted on, has n, at_ms, method, route, path, query,
/// fields, body, fault (absent where none befell), did and status (of the answer as it should be; absent where the
/// simulator does not answer). It is in the file before any byte of the answer is sent: what a client has seen, and
/// what was done for one that saw nothing, is there.
///
/// Owns the server and its threads from start() to its end. on() and start() are for the owner, in this order; the rest
/// is thread-safe. Requests that are left hanging hold their connections; kHangingMax of them, then the oldest gets a
/// 500.
class Simulator {
 public:
  static constexpr std::size_t kHangingMax = 10'000;

  /// Throws std::system_error when the journal cannot be opened.
  explicit Simulator(Options options);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  /// As http::Routes::add.
  void on(std::string method, std::string_view pattern, Act act);
  /// Serves when it returns. Throws std::runtime_error when it cannot listen.
  void start();

  std::uint16_t port() const;
  /// "http://127.0.0.1:40001"
  std::string url() const;
  Faults& faults();
  const Journal& journal() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::simulators
