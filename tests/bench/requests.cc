#include "tests/bench/requests.h"

#include <vector>

#include "tests/bench/figures.h"
#include "tests/bench/http_client.h"

namespace parley::bench {
namespace {

/// About as long as what people write.
constexpr std::string_view kText =
    "Hello! I ordered a blue jacket on Monday and it still has not arrived. Could you please look where it is?";
constexpr std::chrono::seconds kAnswerWaitMax{30};

}  // namespace

std::string request(What what, const Scene& scene, const Dialog& dialog, std::string_view mark) {
  std::string out = (what == What::post ? "POST" : "GET");
  out.append(" /api/site/dialogs/")
      .append(std::to_string(dialog.id))
      .append("/messages HTTP/1.1\r\nHost: localhost\r\nX-Site-Token: ");
  out.append(scene.site_token).append("\r\nX-Guest-Id: ").append(dialog.guest_id).append("\r\n");
  if (what == What::get) return out.append("\r\n");
  const std::string body = R"({"text":")" + std::string(mark) + std::string(kText) + R"("})";
  return out.append("Content-Type: application/json\r\nContent-Length: ")
      .append(std::to_string(body.size()))
      .append("\r\n\r\n")
      .append(body);
}

void run(const Load& load, const Scene& scene) {
  struct Visitor {
    Client client;
    std::string request;
    Clock::time_point sent;
  };
  std::vector<Visitor> visitors;
  Poller poller;
  for (int i = 0; i < load.clients; ++i) {
    const auto& dialog = scene.dialogs[static_cast<std::size_t>(i) % scene.dialogs.size()];
    visitors.push_back({Client(load.port), request(load.what, scene, dialog), Clock::now()});
    poller.add(visitors.back().client.descriptor(), static_cast<std::uint32_t>(i));
  }
  const auto begin = Clock::now() + load.warm_up, end = begin + load.time;
  const auto send = [](Visitor& visitor) {
    visitor.sent = Clock::now();
    visitor.client.send(visitor.request);
  };
  for (auto& visitor : visitors) send(visitor);

  Latencies latencies;
  double pending = 0, other = 0, body_bytes = 0;
  auto under_way = visitors.size();
  while (under_way > 0 && Clock::now() < end + kAnswerWaitMax) {
    for (const auto number : poller.wait(std::chrono::seconds(1))) {
      auto& visitor = visitors[number];
      const auto response = visitor.client.receive();
      if (!response) continue;
      const auto now = Clock::now();
      if (now >= begin && now < end) {
        if (response->status != (load.what == What::post ? 201 : 200)) {
          ++other;
        } else if (response->pending) {
          ++pending;
        } else {
          latencies.add(now - visitor.sent);
          body_bytes += static_cast<double>(response->body_bytes);
        }
      }
      if (now < end) {
        send(visitor);
      } else {
        --under_way;
      }
    }
  }
  const auto answers = static_cast<double>(latencies.count());
  Figures figures{{"per_second", answers / std::chrono::duration<double>(load.time).count()},
                  {"answers", answers},
                  {"pending", pending},
                  {"other", other + static_cast<double>(under_way)},
                  {"body_bytes", answers > 0 ? body_bytes / answers : 0}};
  add(figures, latencies);
  print(figures);
}

}  // namespace parley::bench
