#pragma once
// A process's own port: /metrics (Prometheus), /livez (it runs) and /readyz (it can do its work). Not through the edge.
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::health {

/// Whether the process can do its work. `degraded` is still 200: it works, and somebody should look.
enum class Readiness { ready, degraded, not_ready };
struct Verdict {
  Readiness readiness = Readiness::ready;
  std::vector<std::string> reasons;  ///< For operators; no secrets, no personal text.
};
/// The worse of two, with the reasons of both.
Verdict worse(Verdict a, const Verdict& b);

/// Owns the port and its two threads from construction to destruction. `verdict` is called on those threads for each
/// /readyz and must not block; for each /metrics too, which shows it as parley_process_ready and
/// parley_process_degraded. Throws std::runtime_error, naming the address, when the port cannot be had.
class Server {
 public:
  Server(const std::string& host, int port, std::function<Verdict()> verdict);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace parley::health
