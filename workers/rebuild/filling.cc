#include "workers/rebuild/filling.h"

#include <pthread.h>

#include <exception>
#include <utility>

namespace parley::rebuild {

Filling::Filling(projector::Options options)
    : projector_(std::move(options)), ended_(promise_.get_future()), thread_([this](const std::stop_token& stop) {
        try {
          promise_.set_value(projector_.run(stop));
        } catch (const std::exception& e) {
          promise_.set_value(std::unexpected(std::string(e.what())));
        }
      }) {
  ::pthread_setname_np(thread_.native_handle(), "filling");
}

bool Filling::over(std::chrono::milliseconds wait) { return ended_.wait_for(wait) == std::future_status::ready; }

std::expected<void, std::string> Filling::stop() {
  tell_to_end();
  return ended_.get();
}

std::string Filling::trouble() const {
  const auto verdict = projector_.verdict();
  if (verdict.readiness == health::Readiness::ready) return "";
  std::string out;
  for (const auto& reason : verdict.reasons) out += (out.empty() ? "" : "; ") + reason;
  return out;
}

}  // namespace parley::rebuild
