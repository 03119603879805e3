#include "api/http/pistache_acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pistache/http.h>
#include <pistache/listener.h>
#include <pistache/peer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "api/http/kernel.h"

namespace parley::http {
namespace {

using Pistache::Tcp::Peer;

constexpr int kListenBacklog = 1'024;
constexpr const char* kClientKey = "parley";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// What is attached to Pistache's peer. Only its I/O thread uses the reader.
struct Client {
  Client(std::shared_ptr<Connection> its_connection, const std::shared_ptr<Kernel>& kernel)
      : connection(std::move(its_connection)),
        reader(kernel->environment()->limits.request, kernel->environment()->input,
               [kernel = kernel.get(), connection = connection.get()](const RequestHead& head) {
                 return kernel->plan_of_body(*connection, head);
               }) {}
  const std::shared_ptr<Connection> connection;
  RequestReader reader;
  bool is_refused = false;  // came over the limit: gets 503 whatever it asks
};

class InputHandler;

/// One handler per I/O thread, cloned by Pistache.
struct Handlers {
  std::mutex mutex;
  std::vector<std::weak_ptr<InputHandler>> all;
};

/// Pistache's callbacks. An exception that left one of them would end the process.
class InputHandler final : public Pistache::Tcp::Handler {
 public:
  InputHandler(std::shared_ptr<Kernel> kernel, std::shared_ptr<Handlers> handlers)
      : kernel_(std::move(kernel)), handlers_(std::move(handlers)) {}

  std::shared_ptr<Pistache::Tcp::Handler> clone() const override {
    auto copy = std::make_shared<InputHandler>(kernel_, handlers_);
    const std::lock_guard lock(handlers_->mutex);
    handlers_->all.push_back(copy);
    return copy;
  }

  void onConnection(const std::shared_ptr<Peer>& peer) override {
    try {
      accept(*peer);
    } catch (...) {
      ::shutdown(peer->fd(), SHUT_RDWR);
    }
  }

  void onInput(const char* bytes, std::size_t size, const std::shared_ptr<Peer>& peer) override {
    const auto client = std::static_pointer_cast<Client>(peer->tryGetData(kClientKey));
    if (!client || !client->connection->begin_input()) return;
    try {
      read(*client, {bytes, size});
    } catch (...) {
      client->connection->close();
    }
  }

  void onDisconnection(const std::shared_ptr<Peer>& peer) override {
    if (const auto client = std::static_pointer_cast<Client>(peer->tryGetData(kClientKey)))
      client->connection->input_ended();
  }

  /// Sends a socket that is already at its end through the queue of new ones; whatever was forgotten there is found
  /// with it.
  void wake() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
    ::close(ends[1]);
    transport()->handleNewPeer(Peer::Create(ends[0], Pistache::Address(Pistache::Ipv4::loopback(), Pistache::Port(0))));
  }

 private:
  void accept(Peer& peer) {
    int domain = 0;
    socklen_t size = sizeof domain;
    if (::getsockopt(peer.fd(), SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX) return;  // wake()'s
    auto connection = Connection::open(peer.fd(), peer.address().host(), kernel_->environment());
    if (!connection) {
      ++kernel_->counters().refused_connections;
      ::shutdown(peer.fd(), SHUT_RDWR);
      return;
    }
    auto client = std::make_shared<Client>(std::move(connection), kernel_);
    const bool is_over_limit =
        kernel_->counters().open_connections > static_cast<std::int64_t>(kernel_->connections_max);
    client->is_refused = is_over_limit;
    peer.putData(kClientKey, client);
    if (is_over_limit) {  // at once, and without lingering: descriptors must not run out, Pistache would spin on accept
      ++kernel_->counters().refused_connections;
      if (client->connection->begin_input()) read(*client, {});
      client->connection->close();
    }
  }

  void read(Client& client, std::string_view bytes) {
    Connection& connection = *client.connection;
    auto progress =
        client.is_refused ? RequestReader::Progress{Refusal{503, "SERVICE_UNAVAILABLE"}} : client.reader.feed(bytes);
    if (std::holds_alternative<RequestReader::HeadDone>(progress)) {
      if (const auto refusal = kernel_->refusal_of_body(client.reader.head())) progress = *refusal;
    }
    if (std::holds_alternative<RequestReader::HeadDone>(progress)) {
      static const auto interim = std::make_shared<const std::string>(kContinue);
      connection.head_is_complete();
      if (client.reader.head().expects_continue) connection.continue_body(interim);
    } else if (std::holds_alternative<RequestReader::Complete>(progress)) {
      if (!connection.begin_answer()) return;
      RequestHead head = client.reader.take_head();
      std::string body = client.reader.take_body();
      std::shared_ptr<BodySink> sink = client.reader.take_sink();
      ByteBudget::Share share = client.reader.take_share();
      if (!parse_path(head.path)) {
        kernel_->refuse(client.connection, head, {});
        return;
      }
      kernel_->dispatch(client.connection, std::move(head), parser_.request.resource(), std::move(body),
                        std::move(sink), std::move(share));
    } else if (const auto* refusal = std::get_if<Refusal>(&progress)) {
      if (connection.begin_answer()) kernel_->refuse(client.connection, client.reader.head(), *refusal);
    }
  }

  /// Pistache parses the request line of what was screened. It gets no header and no body: its typed header parsers
  /// throw on legal input, and its body reader hangs on chunks. It always gets GET: it refuses methods that it does not
  /// know, which must be answered 405 or 404 instead.
  bool parse_path(const std::string& path) {
    parser_.reset();
    try {
      const std::string line = "GET " + path + " HTTP/1.1\r\n\r\n";
      return parser_.feed(line.data(), line.size()) && parser_.parse() == Pistache::Http::Private::State::Done;
    } catch (...) {
      return false;
    }
  }

  const std::shared_ptr<Kernel> kernel_;
  const std::shared_ptr<Handlers> handlers_;
  Pistache::Http::RequestParser parser_{kernel_->options().limits.request.head_bytes_max};
};

/// The socket that listens on `port`: Pistache keeps it to itself.
int listening_socket(std::uint16_t port) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    int listens = 0;
    socklen_t size = sizeof listens;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) continue;
    sockaddr_in address{};  // the port is at the same place for IPv6
    socklen_t length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 && ntohs(address.sin_port) == port)
      return fd;
  }
  throw std::logic_error("the listening socket is not among this process's descriptors");
}

}  // namespace

struct PistacheAcceptor::Impl {
  std::shared_ptr<Kernel> kernel;
  std::shared_ptr<Handlers> handlers = std::make_shared<Handlers>();
  // A bare listener: Http::Endpoint's own transport would time requests out through Pistache's response writer, and now
  // and then lose input.
  std::unique_ptr<Pistache::Tcp::Listener> listener;
  std::uint16_t port = 0;
  int socket = -1;
};

PistacheAcceptor::PistacheAcceptor(std::shared_ptr<Kernel> kernel) : impl_(std::make_unique<Impl>()) {
  impl_->kernel = std::move(kernel);
}
PistacheAcceptor::~PistacheAcceptor() { stop(); }

void PistacheAcceptor::start() {
  using Option = Pistache::Tcp::Options;
  const ServerOptions& options = impl_->kernel->options();
  impl_->listener =
      std::make_unique<Pistache::Tcp::Listener>(Pistache::Address(options.host, Pistache::Port(options.port)));
  Pistache::Flags<Option> flags;
  flags.setFlag(Option::ReuseAddr).setFlag(Option::NoDelay).setFlag(Option::CloseOnExec);
  impl_->listener->init(static_cast<std::size_t>(options.io_threads), flags, "http-io", kListenBacklog);
  impl_->listener->setHandler(std::make_shared<InputHandler>(impl_->kernel, impl_->handlers));
  impl_->listener->bind();
  impl_->port = static_cast<std::uint16_t>(impl_->listener->getPort());
  impl_->socket = listening_socket(impl_->port);
  impl_->listener->runThreaded();
}

std::uint16_t PistacheAcceptor::port() const { return impl_->port; }

void PistacheAcceptor::wake() {
  const std::lock_guard lock(impl_->handlers->mutex);
  for (const auto& weak : impl_->handlers->all) {
    if (const auto handler = weak.lock()) handler->wake();
  }
}

void PistacheAcceptor::stop_listening() {
  // Pistache closes it only together with the I/O threads, and uses the number until then: something takes it that no
  // connection comes from.
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0) return;
  ::dup3(nothing, impl_->socket, O_CLOEXEC);
  ::close(nothing);
}

void PistacheAcceptor::stop() { impl_->listener.reset(); }

}  // namespace parley::http
