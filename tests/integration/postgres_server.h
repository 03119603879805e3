#pragma once
// A PostgreSQL of a test's own, for tests that crash it.
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

extern char** environ;

namespace parley::testing {

/// A cluster in a temporary folder, reached by a socket there; it is gone with the object. As root it runs as user
/// postgres, because initdb refuses root. Not durable in the way that makes crashes visible: what was committed
/// asynchronously is lost by crash().
class PostgresServer {
 public:
  /// Where Debian keeps the server's programs; empty when there is none.
  static std::string programs() {
    for (const char* folder :
         {"/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"}) {
      if (std::filesystem::exists(std::string(folder) + "/initdb")) return folder;
    }
    return "";
  }

  PostgresServer() {
    char folder[] = "/tmp/parley-postgres-XXXXXX";
    if (::mkdtemp(folder) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = folder;
    if (::geteuid() == 0) {
      const passwd* user = ::getpwnam("postgres");
      if (user == nullptr || ::chown(folder, user->pw_uid, user->pw_gid) != 0)
        throw std::runtime_error("no user postgres");
    }
    run({programs() + "/initdb", "-D", data(), "-U", "parley", "--auth=trust", "-E", "UTF8", "--no-locale",
         "--no-sync"});
    // As root the files belong to postgres; root may write them all the same.
    std::ofstream(data() + "/postgresql.conf", std::ios::app)
        << "listen_addresses = ''\nunix_socket_directories = '" << folder_
        << "'\nwal_writer_delay = 10s\nwal_writer_flush_after = 1GB\n";
    start();
  }
  ~PostgresServer() {
    try {
      crash();
    } catch (const std::exception&) {  // it was down
    }
    std::filesystem::remove_all(folder_);
  }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  std::string connection() const { return "host=" + folder_ + " user=parley dbname=postgres"; }
  void start() { run({programs() + "/pg_ctl", "-D", data(), "-l", folder_ + "/log", "-w", "-s", "start"}); }
  /// As if it had been killed: nothing is flushed, no connection is ended politely.
  void crash() { run({programs() + "/pg_ctl", "-D", data(), "-w", "-s", "-m", "immediate", "stop"}); }
  void stop() { run({programs() + "/pg_ctl", "-D", data(), "-w", "-s", "-m", "fast", "stop"}); }

 private:
  std::string data() const { return folder_ + "/data"; }

  static void run(std::vector<std::string> command) {
    if (::geteuid() == 0)
      command.insert(command.begin(), {"/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"});
    std::vector<char*> argv;
    for (auto& part : command) argv.push_back(part.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
    pid_t pid = 0;
    const int spawned = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    if (spawned != 0 || ::waitpid(pid, &status, 0) != pid || status != 0)
      throw std::runtime_error("failed: " + command.back());
  }

  std::string folder_;
};

}  // namespace parley::testing
