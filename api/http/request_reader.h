#pragma once
// Turns the bytes of one connection into screened requests. Pure: no socket, no clock, no Pistache.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "api/http/body_sink.h"
#include "api/http/byte_budget.h"
#include "api/http/message.h"

namespace parley::http {

/// What one request may weigh. Bytes unless a name says otherwise.
struct RequestLimits {
  std::size_t target_bytes_max = 8'000;
  std::size_t head_bytes_max = 16'384;
  std::size_t header_lines_max = 100;
  std::size_t body_bytes_max = 1 << 20;
};

/// Of a body that is announced with more than that.
Refusal body_too_large(std::size_t bytes_max);

/// A head that passed the screening.
struct RequestHead {
  std::string method;
  std::string path;   ///< as normalised_path() gives it: still percent-encoded; empty when it was not understood
  std::string query;  ///< raw, without '?'
  Headers headers;
  std::size_t content_length = 0;
  bool http10 = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

/// Where the body of a request goes, said when its head has passed.
struct IntoMemory {};
struct IntoSink {
  std::shared_ptr<BodySink> sink;  ///< Null: the body is not read.
};
using BodyPlan = std::variant<IntoMemory, IntoSink, Refusal>;
using PlanBody = std::function<BodyPlan(const RequestHead&)>;

/// Screens the head before anything else sees it, because Pistache's parser hangs, crashes or answers wrongly on much
/// of what is refused here, and because whatever two HTTP readers could understand differently is an opening for
/// request smuggling. Then counts the body.
///
/// Refused: Transfer-Encoding (411: the edge de-chunks), a body over the limit (413, before it is read), targets over
/// the limit (414), an unknown Expect (417), heads over the limits (431), versions other than 1.0 and 1.1 (505), and as
/// 400: bare LF, control bytes, obsolete line folding, malformed names, targets neither in origin nor in absolute form,
/// paths that normalised_path() refuses, a fragment, Content-Length that is not one plain number, a Host that is not
/// exactly one, and bytes beyond the request (pipelining). As 503: what the budget has no room for.
///
/// The authority of the absolute form (RFC 9112, 3.2.2) must be one, and counts no more than Host does: this server has
/// one set of paths.
///
/// Owned and called by one thread. After a refusal the connection must end: the reader does not find the next request.
class RequestReader {
 public:
  struct NeedMore {};
  struct HeadDone {};  ///< the body is still to come; head() tells whether the client waits for 100 Continue
  struct Complete {};
  using Progress = std::variant<NeedMore, HeadDone, Complete, Refusal>;

  /// `budget` bounds what all readers, and the requests that came out of them, hold together; without one there is no
  /// bound. Without a plan every body goes into memory.
  explicit RequestReader(const RequestLimits& limits, std::shared_ptr<ByteBudget> budget = nullptr, PlanBody plan = {})
      : limits_(limits), budget_(std::move(budget)), plan_(std::move(plan)), share_(budget_) {}

  Progress feed(std::string_view bytes);

  /// Whatever was understood so far, also after a refusal.
  const RequestHead& head() const { return head_; }
  /// After Complete: gives all of it away and is ready for the next request. The share is of the request's bytes. A
  /// sink that wanted no more, and a body that was not read, are complete early: the connection cannot be kept then,
  /// and the head says so.
  RequestHead take_head();
  std::string take_body();
  std::shared_ptr<BodySink> take_sink();
  ByteBudget::Share take_share();

 private:
  /// Nothing: the body may come.
  std::optional<Progress> begin_body();
  Progress feed_body(std::string_view bytes);
  Progress feed_sink(std::string_view bytes);
  Progress end_early();

  RequestLimits limits_;
  std::shared_ptr<ByteBudget> budget_;
  PlanBody plan_;
  ByteBudget::Share share_;
  std::string raw_head_;
  std::size_t head_bytes_ = 0;
  bool begun_ = false;  // past the empty line that may stand before a request
  RequestHead head_;
  std::string body_;
  std::shared_ptr<BodySink> sink_;
  std::size_t sunk_bytes_ = 0;
  bool in_body_ = false;
};

}  // namespace parley::http
