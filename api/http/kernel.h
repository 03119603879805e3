#pragma once
// Internal: what the parts of one server share, and the way of a complete request to its handler.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/connection.h"
#include "api/http/options.h"
#include "api/http/output_loop.h"
#include "api/http/request_reader.h"
#include "api/http/routes.h"

namespace parley::http {

/// Shared by the server and by every request that is still unanswered, so that a late answer finds it alive.
/// Thread-safe once serving.
class Kernel : public std::enable_shared_from_this<Kernel> {
 public:
  Kernel(ServerOptions options, Routes routes, Hooks hooks);

  const ServerOptions& options() const { return options_; }
  const std::shared_ptr<const Connection::Environment>& environment() const { return environment_; }
  Counters& counters() const { return *environment_->counters; }
  OutputLoop& loop() const { return *environment_->loop; }
  std::atomic<std::size_t> connections_max;
  std::atomic<bool> draining = false;

  /// Why a body that is still to come is not read: its endpoint takes less than it is announced with.
  std::optional<Refusal> refusal_of_body(const RequestHead& head) const;
  /// Where a body that is still to come goes.
  BodyPlan plan_of_body(const Connection& connection, const RequestHead& head) const;
  /// Routes a complete request, on its I/O thread, to its handler or to the kernel's own answer.
  void dispatch(const std::shared_ptr<Connection>& connection, RequestHead head, std::string_view path,
                std::string body, std::shared_ptr<BodySink> sink, ByteBudget::Share share);
  /// Answers what could not become a request, and ends the connection. Both after Connection::begin_answer().
  void refuse(const std::shared_ptr<Connection>& connection, const RequestHead& head, const Refusal& refusal);

  Response error(const KernelError& error) const;
  void report(const Answered& answered) const;
  void report_failure(const Failure& failure) const;

 private:
  const ServerOptions options_;
  const Routes routes_;
  const Hooks hooks_;
  const std::shared_ptr<const Connection::Environment> environment_;
};

/// One request on its way to its one answer.
class Exchange {
 public:
  struct Origin {
    std::string request_id;
    std::string method;
    std::string route;
    std::string accept_language;
    std::string page;                 // the Origin field
    std::string_view path_pattern{};  // see KernelError; the kernel's routes have it
    std::string unknown_path{};       // see KernelError
    bool head_only = false;
    bool http10 = false;
    bool keep_alive = true;
  };

  Exchange(std::shared_ptr<const Kernel> kernel, std::shared_ptr<Connection> connection, Origin origin);
  /// Answers 500 if nobody has answered.
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const std::string& request_id() const { return origin_.request_id; }
  const std::shared_ptr<Connection>& connection() const { return connection_; }
  void always(Headers fields) { always_ = std::move(fields); }
  bool send(Response response);
  bool send_error(const Refusal& refusal, const Headers& extra = {});
  bool break_off(std::string bytes);
  /// Answers 500 and reports why.
  void fail(std::string_view cause);
  bool start_stream(Headers extra, std::move_only_function<void()> on_close);

 private:
  bool claim() { return !answered_.exchange(true); }
  bool write(Response response);
  Response error(const Refusal& refusal, const Headers& extra) const;
  void add_always(Headers& headers) const;
  void report(int status, std::size_t bytes, bool streaming) const;

  const std::shared_ptr<const Kernel> kernel_;
  const std::shared_ptr<Connection> connection_;
  const Origin origin_;
  const Connection::Clock::time_point started_ = Connection::Clock::now();
  Headers always_;
  std::atomic<bool> answered_ = false;
};

}  // namespace parley::http
