#include "tests/bench/streams.h"

#include <array>
#include <charconv>
#include <deque>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/http_client.h"
#include "tests/bench/requests.h"

namespace parley::bench {
namespace {

constexpr std::chrono::seconds kOpenWaitMax{30};
constexpr std::chrono::seconds kDeliverWaitMax{10};
constexpr std::string_view kEstablished = "connection.established";
/// A message carries the time at which it was due as "@<nanoseconds>@" in front of its text.
constexpr std::string_view kMarkStart = R"("text":"@)";

std::string mark(Clock::time_point due) { return "@" + std::to_string(due.time_since_epoch().count()) + "@ "; }

/// One stream as its client sees it.
class Stream {
 public:
  Stream(int port, const Scene& scene, const Dialog& dialog) : socket_(port) {
    socket_.send("GET /api/dialogs/" + std::to_string(dialog.id) + "/events?site_token=" + scene.site_token +
                 "&guest_id=" + dialog.guest_id + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }

  int descriptor() const { return socket_.descriptor(); }
  bool established() const { return established_; }

  /// Reads what is there; `delivered` gets the due time of each message in it.
  template <class Delivered>
  void receive(Delivered delivered) {
    std::array<char, 16 * 1024> buffer;
    unread_.append(buffer.data(), socket_.receive(buffer));
    if (!established_ && unread_.find(kEstablished) != std::string::npos) established_ = true;
    std::size_t kept = 0;
    while (true) {
      const auto at = unread_.find(kMarkStart, kept);
      if (at == std::string::npos) break;
      const auto digits = at + kMarkStart.size();
      const auto end = unread_.find('@', digits);
      if (end == std::string::npos) break;
      Clock::rep due = 0;
      std::from_chars(unread_.data() + digits, unread_.data() + end, due);
      delivered(Clock::time_point(Clock::duration(due)));
      kept = end + 1;
    }
    // Nothing of what is left can be longer than a mark, unless it is the beginning of one.
    constexpr std::size_t kTail = 64;
    if (unread_.size() - kept > kTail && unread_.find(kMarkStart, kept) == std::string::npos)
      kept = unread_.size() - kTail;
    unread_.erase(0, kept);
    unread_.shrink_to_fit();
  }

 private:
  Socket socket_;
  std::string unread_;
  bool established_ = false;
};

class Streams {
 public:
  Streams(int port, const Scene& scene, std::size_t count, Poller& poller) {
    streams_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      streams_.emplace_back(port, scene, scene.dialogs[i % scene.dialogs.size()]);
      poller.add(streams_.back().descriptor(), static_cast<std::uint32_t>(i));
    }
    const auto until = Clock::now() + kOpenWaitMax;
    for (std::size_t open = 0; open < count;) {
      if (Clock::now() > until) throw std::runtime_error("only " + std::to_string(open) + " streams open");
      for (const auto number : poller.wait(std::chrono::seconds(1))) {
        const bool was_open = streams_[number].established();
        receive(number);
        open += !was_open && streams_[number].established() ? 1 : 0;
      }
    }
  }

  std::size_t count() const { return streams_.size(); }
  void receive(std::uint32_t number) {
    streams_[number].receive([this](Clock::time_point due) { latencies.add(Clock::now() - due); });
  }

  Latencies latencies;

 private:
  std::vector<Stream> streams_;
};

void expect_created(const Response& response) {
  if (response.status != 201) throw std::runtime_error("a message was answered " + std::to_string(response.status));
}

}  // namespace

void run(const FanOut& fan_out, const Scene& scene) {
  const Scene one{scene.site_token, scene.assistant_id, {scene.dialogs.front()}};
  Poller poller;
  Streams streams(fan_out.port, one, static_cast<std::size_t>(fan_out.streams), poller);
  print({{"streams", static_cast<double>(streams.count())}});
  std::string go_on;
  std::getline(std::cin, go_on);

  Client author(fan_out.port);
  const auto author_number = static_cast<std::uint32_t>(streams.count());
  poller.add(author.descriptor(), author_number);
  std::size_t lost = 0;
  for (int message = 1; message <= fan_out.messages; ++message) {
    const auto begin = Clock::now();
    const auto expected = streams.count() * static_cast<std::size_t>(message) - lost;
    author.send(request(What::post, one, one.dialogs.front(), mark(begin)));
    bool answered = false;
    while ((!answered || streams.latencies.count() < expected) && Clock::now() - begin < kDeliverWaitMax) {
      for (const auto number : poller.wait(std::chrono::seconds(1))) {
        if (number != author_number) {
          streams.receive(number);
        } else if (const auto response = author.receive()) {
          expect_created(*response);
          answered = true;
        }
      }
    }
    lost += expected - streams.latencies.count();
  }
  Figures figures{{"delivered", static_cast<double>(streams.latencies.count())}, {"lost", static_cast<double>(lost)}};
  add(figures, streams.latencies);
  print(figures);
}

void run(const Live& live, const Scene& scene) {
  Poller poller;
  Streams streams(live.port, scene, scene.dialogs.size(), poller);
  std::vector<Client> authors;
  std::vector<std::size_t> idle;
  const auto first_author = static_cast<std::uint32_t>(streams.count());
  for (int i = 0; i < live.clients; ++i) {
    authors.emplace_back(live.port);
    poller.add(authors.back().descriptor(), first_author + static_cast<std::uint32_t>(i));
    idle.push_back(static_cast<std::size_t>(i));
  }
  const auto begin = Clock::now();
  const auto interval = std::chrono::duration_cast<Clock::duration>(std::chrono::seconds(1)) / live.per_second;
  const auto total = static_cast<std::size_t>(live.time / interval);
  std::size_t sent = 0;
  std::deque<Clock::time_point> waiting;  // due, while every author is busy
  const auto due_at = [&](std::size_t number) { return begin + interval * static_cast<Clock::rep>(number); };
  std::size_t due = 0;
  while (streams.latencies.count() < total && Clock::now() < begin + live.time + kDeliverWaitMax) {
    while (due < total && due_at(due) <= Clock::now()) waiting.push_back(due_at(due++));
    while (!waiting.empty() && !idle.empty()) {
      authors[idle.back()].send(
          request(What::post, scene, scene.dialogs[sent++ % scene.dialogs.size()], mark(waiting.front())));
      waiting.pop_front();
      idle.pop_back();
    }
    for (const auto number : poller.wait(due < total ? due_at(due) - Clock::now() : std::chrono::milliseconds(100))) {
      if (number < first_author) {
        streams.receive(number);
      } else if (const auto response = authors[number - first_author].receive()) {
        expect_created(*response);
        idle.push_back(number - first_author);
      }
    }
  }
  Figures figures{{"delivered", static_cast<double>(streams.latencies.count())},
                  {"lost", static_cast<double>(total - streams.latencies.count())},
                  {"per_second", static_cast<double>(live.per_second)}};
  add(figures, streams.latencies);
  print(figures);
}

}  // namespace parley::bench
