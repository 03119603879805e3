#include "platform/postgres/session.h"

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>

namespace parley::postgres {

namespace {

// A program has a few dozen statements; past this something builds them from values, which would fill the server's
// memory.
constexpr std::size_t kPreparedMax = 512;

std::string with_setting(std::string connection, std::string_view key, const std::string& value) {
  if (connection.find(std::string(key) + "=") != std::string::npos)
    return connection;  // the operator's own word counts
  if (connection.starts_with("postgres://") || connection.starts_with("postgresql://")) {
    connection += connection.find('?') == std::string::npos ? '?' : '&';
  } else {
    connection += ' ';
  }
  return connection.append(key).append("=").append(value);
}

std::string connection_string(const SessionOptions& options) {
  std::string text =
      with_setting(options.connection, "connect_timeout", std::to_string(options.connect_timeout.count()));
  // A peer that vanished without a word is noticed in about 15 seconds, while idle too.
  text = with_setting(text, "keepalives_idle", "5");
  text = with_setting(text, "keepalives_interval", "3");
  return with_setting(text, "keepalives_count", "3");
}

/// A transaction that one message begins, whatever else that message does.
class BegunWith final : public pqxx::dbtransaction {
 public:
  BegunWith(pqxx::connection& connection, std::string statements)
      : namedclass("transaction"), dbtransaction(connection, false), statements_(std::move(statements)) {
    Begin();
  }
  ~BegunWith() noexcept override { End(); }

 private:
  void do_begin() override { direct_exec(statements_.c_str()); }
  void do_commit() override { direct_exec("COMMIT"); }
  const std::string statements_;
};

/// In one line: how it begins tells which one it is.
std::string shortened(std::string_view statement) {
  constexpr std::size_t kShownMax = 160;
  std::string text;
  for (const char c : statement) {
    const bool is_space = c == ' ' || c == '\n' || c == '\t';
    if (is_space && (text.empty() || text.back() == ' ')) continue;
    if (text.size() == kShownMax) return text + "…";
    text += is_space ? ' ' : c;
  }
  return text;
}

// The first line alone: what follows (DETAIL, CONTEXT) may quote a row.
std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

}  // namespace

Error current_error(bool committing) {
  const ErrorKind when_lost = committing ? ErrorKind::in_doubt : ErrorKind::unavailable;
  try {
    throw;
  } catch (const pqxx::in_doubt_error& e) {
    return {ErrorKind::in_doubt, first_line(e.what())};
  } catch (const pqxx::broken_connection& e) {
    return {when_lost, first_line(e.what())};
  } catch (const pqxx::statement_completion_unknown& e) {
    return {ErrorKind::in_doubt, first_line(e.what())};
  } catch (const pqxx::transaction_rollback& e) {
    return {ErrorKind::conflict, first_line(e.what())};
  } catch (const pqxx::sql_error& e) {
    const std::string state = e.sqlstate();
    if (state == "57014" || state == "55P03") return {ErrorKind::timeout, state + " " + first_line(e.what())};
    if (state == "40001" || state == "40P01") return {ErrorKind::conflict, state + " " + first_line(e.what())};
    // 57P01-57P03: the server is going down or coming up. 53: it has no resources left (53100: its disk is full). 58:
    // its system fails it (58030: its disk). 25006: it is a standby. 08: the connection.
    if (state.starts_with("57P") || state.starts_with("53") || state.starts_with("58") || state.starts_with("08") ||
        state == "25006") {
      return {when_lost, state + " " + first_line(e.what())};
    }
    if (state.empty())
      return {when_lost, first_line(e.what())};  // libpq's own: the connection was lost under the statement
    if (state.starts_with("22"))
      return {ErrorKind::rejected, state + " a value was refused", true};  // the text would quote the value
    // 23: a constraint. 54: too large for an index or a row. P0001: a trigger's own refusal.
    const bool is_about_a_row = state.starts_with("23") || state.starts_with("54") || state == "P0001";
    return {ErrorKind::rejected, state + " " + first_line(e.what()), is_about_a_row};
  } catch (const pqxx::pqxx_exception& e) {
    return {ErrorKind::rejected, first_line(e.base().what())};
  }
}

/// Lets the watching thread know that a statement runs, and forgets it when it has ended.
class Session::Deadline {
 public:
  explicit Deadline(Session& session) : session_(session) {
    const std::lock_guard lock(session_.watch_mutex_);
    session_.watched_socket_ = session_.connection_.sock();
    session_.watched_until_ = std::chrono::steady_clock::now() + session_.patience_;
  }
  ~Deadline() {
    const std::lock_guard lock(session_.watch_mutex_);
    session_.watched_socket_ = -1;
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  Session& session_;
};

Session::Session(const SessionOptions& options)
    : connection_(connection_string(options)), patience_(options.statement_timeout + options.silence_timeout) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  connection_.inhibit_reactivation(
      true);  // a silent reconnection would lose the session's settings and the transaction
#pragma GCC diagnostic pop
  connection_.set_verbosity(pqxx::connection_base::terse);
}

Result<std::unique_ptr<Session>> Session::open(const SessionOptions& options) {
  try {
    std::unique_ptr<Session> session(new Session(options));
    const Deadline deadline(*session);
    pqxx::connection& c = session->connection_;
    pqxx::nontransaction setup(c);
    setup.exec(fmt::format(
        "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET client_encoding = 'UTF8'; SET client_min_messages = "
        "'warning';"
        "SET search_path = {}; SET application_name = {}; SET statement_timeout = {}; SET "
        "idle_in_transaction_session_timeout = {}; SET synchronous_commit = {}",
        c.quote_name(options.schema), c.quote(options.application_name), options.statement_timeout.count(),
        options.idle_in_transaction_timeout.count(), options.durable_commit ? "on" : "off"));
    return session;
  } catch (const pqxx::pqxx_exception&) {
    Error error = current_error(false);
    error.kind = ErrorKind::unavailable;  // whatever the reason, there is no session
    return std::unexpected(std::move(error));
  }
}

const std::string& Session::prepared(std::string_view statement) {
  std::string text(statement);
  const auto found = prepared_.find(text);
  if (found != prepared_.end()) return found->second;
  if (prepared_.size() >= kPreparedMax) throw std::logic_error("too many different statements on one connection");
  const std::string name = fmt::format("s{}", prepared_.size());
  connection_.prepare(name, text);
  return prepared_.emplace(std::move(text), name).first->second;
}

Result<Rows> Session::query(std::string_view statement, const Params& params) {
  try {
    pqxx::nontransaction alone(connection_);
    return query(alone, statement, params);
  } catch (const pqxx::pqxx_exception&) {
    broken_ = true;
    return std::unexpected(current_error(false));
  }
}

Result<Rows> Session::query(pqxx::transaction_base& transaction, std::string_view statement, const Params& params) {
  try {
    const Deadline deadline(*this);
    std::vector<const char*> values;
    values.reserve(params.texts().size());
    for (const auto& text : params.texts()) values.push_back(text ? text->c_str() : nullptr);
    const pqxx::result result =
        transaction.exec_prepared(prepared(statement), pqxx::prepare::make_dynamic_params(values));
    return Rows(&result);
  } catch (const pqxx::pqxx_exception&) {
    Error error = current_error(false);
    if (error.kind == ErrorKind::rejected) error.detail += " in: " + shortened(statement);
    if (error.kind == ErrorKind::unavailable || !connection_.is_open()) broken_ = true;
    return std::unexpected(std::move(error));
  }
}

Result<void> Session::commit(pqxx::transaction_base& transaction) {
  try {
    const Deadline deadline(*this);
    transaction.commit();
    return {};
  } catch (const pqxx::pqxx_exception&) {
    Error error = current_error(true);
    if (error.kind == ErrorKind::in_doubt || !connection_.is_open()) broken_ = true;
    return std::unexpected(std::move(error));
  }
}

template <class Make>
static Result<std::unique_ptr<pqxx::transaction_base>> begin(bool& broken, Make make) {
  try {
    return std::unique_ptr<pqxx::transaction_base>(make());
  } catch (const pqxx::pqxx_exception&) {
    broken = true;
    return std::unexpected(current_error(false));
  }
}

Result<std::unique_ptr<pqxx::transaction_base>> Session::begin_snapshot(std::string_view held) {
  const Deadline deadline(*this);
  std::string statements = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  // LOCK TABLE sees nothing yet: the snapshot is that of the first query after it.
  if (!held.empty()) statements += "; LOCK TABLE " + identifier(held) + " IN ACCESS SHARE MODE";
  return begin(broken_, [&] { return new BegunWith(connection_, std::move(statements)); });
}
Result<std::unique_ptr<pqxx::transaction_base>> Session::begin_write() {
  const Deadline deadline(*this);
  return begin(broken_, [this] { return new pqxx::work(connection_); });
}

void Session::end(std::unique_ptr<pqxx::transaction_base> transaction) {
  {
    const Deadline deadline(*this);
    transaction.reset();
  }
  if (!connection_.is_open()) broken_ = true;
}

bool Session::stale() {
  pollfd socket{connection_.sock(), POLLIN | POLLRDHUP, 0};
  return socket.fd < 0 || ::poll(&socket, 1, 0) != 0;
}

void Session::interrupt_if_silent(std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(watch_mutex_);
  if (watched_socket_ < 0 || now < watched_until_) return;
  ::shutdown(watched_socket_, SHUT_RDWR);
  watched_socket_ = -1;
}

}  // namespace parley::postgres
